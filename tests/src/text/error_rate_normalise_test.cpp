#include "src/text/error_rate_normalise.h"

#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

TEST(ErrorRateNormalise, NoneAndStrip) {
    EXPECT_EQ(error_rate_normalise(" A  b. ", "none"), " A  b. ");
    EXPECT_EQ(error_rate_normalise(" A  b.\n", "strip"), "A b.");
}

TEST(ErrorRateNormalise, Linvox) {
    EXPECT_EQ(error_rate_normalise("It's <b>the</b> A.M. (noise) [x] 'end'!", "linvox"), "it's the a m end");
    EXPECT_EQ(error_rate_normalise("m. g. c. p.", "linvox"), "m g c p");
    EXPECT_EQ(error_rate_normalise("a < b (open", "linvox"), "a b open");
    EXPECT_EQ(error_rate_normalise("\xE4\xBD\xA0\xE5\xA5\xBD ok", "linvox"), "\xE4\xBD\xA0 \xE5\xA5\xBD ok");
    EXPECT_EQ(error_rate_normalise("\xEF\xBC\xA1\xE2\x80\x99s", "linvox"), "a's");
}

// The text part of process_one() in BytedanceSpeech/seed-tts-eval run_wer.py, by hand: punctuation but '
// deleted, one replace("  ", " "), lower case.
TEST(ErrorRateNormalise, SeedTts) {
    EXPECT_EQ(error_rate_normalise("Well, it's A-B.", "seedtts_en"), "well it's ab");
    EXPECT_EQ(error_rate_normalise("a - b", "seedtts_en"), "a b");
    EXPECT_EQ(error_rate_normalise("a   b", "seedtts_en"), "a  b");
}

TEST(ErrorRateNormalise, NamesAreAListAndOthersRefused) {
    for (const std::string& name : error_rate_normalisers())
        EXPECT_EQ(error_rate_normalise("abc", name), "abc");
    EXPECT_THROW(error_rate_normalise("a", "whisper"), UserError);
}

}  // namespace
}  // namespace linvox

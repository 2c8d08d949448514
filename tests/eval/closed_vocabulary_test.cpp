#include "eval/closed_vocabulary.h"

#include <gtest/gtest.h>

#include "audio/wav.h"
#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(testing::TempDir()) / "closed_vocabulary";

TEST(ClosedVocabulary, HearsItsSentences) {
    const Lexicon lexicon = Lexicon::load(default_dictionary());
    const std::vector<std::vector<std::string>> sentences = {
        {"this", "conference", "is", "locked"}, {"you", "are", "now", "muted"}, {"a.", "b."}};
    Recogniser recogniser(closed_vocabulary(kFolder, sentences, lexicon));
    const Wave wave = read_wave(LINVOX_SOURCE_DIR "/samples/prompts-en/audio/conf-muted.opus", 16000);
    EXPECT_EQ(recogniser.transcribe(wave.samples), "you are now muted");
    EXPECT_NE(read_file(kFolder / "words.dict").find("are(2) ER\n"), std::string::npos);
}

TEST(ClosedVocabulary, NamesWordsWithoutSound) {
    const Lexicon lexicon = Lexicon::load(default_dictionary());
    try {
        closed_vocabulary(kFolder, std::vector<std::vector<std::string>>{{"hello", "\xC3\xA9\xC3\xA9"}},
                          lexicon);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_NE(std::string(error.what()).find("'\xC3\xA9\xC3\xA9'"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace linvox

#include "src/text/stage_directions.h"

#include <gtest/gtest.h>

#include "src/base/text.h"

namespace linvox {
namespace {

std::string spoken(std::string_view text) {
    return join(split_words(take_stage_directions(text).spoken), " ");
}

TEST(StageDirections, RemarksGo) {
    EXPECT_EQ(spoken("(6 seconds of silence)"), "");
    EXPECT_EQ(spoken("<beep ascending>"), "");
    EXPECT_EQ(spoken("Press one. (simple tone sound plays)"), "Press one.");
    EXPECT_EQ(spoken("IAX (note: does not say \"2\")"), "IAX");
    EXPECT_EQ(spoken("well [laughter] yes"), "well yes");
    EXPECT_EQ(spoken("(door closes)"), "");
    EXPECT_EQ(take_stage_directions("a <x> (tone)").directions, (std::vector<std::string>{"x", "tone"}));
}

TEST(StageDirections, SpokenParenthesesStay) {
    EXPECT_EQ(spoken("the letter (or parcel) came"), "the letter or parcel came");
    EXPECT_EQ(spoken("(hello) world"), "hello world");
}

TEST(StageDirections, LoneBracketsStay) {
    EXPECT_EQ(spoken("a < b"), "a < b");
    EXPECT_EQ(spoken("smile :) now"), "smile :) now");
    EXPECT_EQ(spoken("open ( only"), "open ( only");
    EXPECT_EQ(spoken("*"), "*");
}

}  // namespace
}  // namespace linvox

#include "audio/aligner.h"

#include <gtest/gtest.h>

#include "audio/wav.h"
#include "src/base/error.h"

namespace linvox {
namespace {

const std::vector<std::string> kPhones = {"AA", "AE", "AH", "AW", "D", "ER", "EY", "HH",
                                          "IH", "K",  "L",  "M",  "N", "R",  "S",  "T",
                                          "UW", "V",  "W",  "Y",  "Z", "IY", "OW"};

std::vector<float> clip(const std::string& id) {
    return read_wave(LINVOX_SOURCE_DIR "/samples/prompts-en/audio/" + id + ".opus", 16000).samples;
}

const std::vector<AlignerWord> kMuted = {
    {"you", {{"Y", "UW"}}},
    {"are", {{"AA", "R"}, {"ER"}}},
    {"now", {{"N", "AW"}}},
    {"muted", {{"M", "Y", "UW", "T", "IH", "D"}, {"M", "Y", "UW", "T", "AH", "D"}}}};

TEST(Aligner, UnitsCoverTheRecordingInOrder) {
    const std::vector<float> wave = clip("conf-muted");
    Aligner aligner({}, kPhones);
    const auto found = aligner.align(wave, kMuted);
    ASSERT_TRUE(found.has_value()) << aligner.problem();
    double at = 0;
    std::vector<std::string> phones;
    std::vector<int> words;
    for (const TimedUnit& unit : found->units) {
        EXPECT_DOUBLE_EQ(unit.start_s, at);
        EXPECT_GT(unit.end_s, unit.start_s);
        at = unit.end_s;
        if (unit.unit == kSilenceUnit) {
            EXPECT_EQ(unit.word, -1);
            continue;
        }
        phones.push_back(unit.unit);
        if (words.empty() || words.back() != unit.word) words.push_back(unit.word);
    }
    EXPECT_DOUBLE_EQ(at, static_cast<double>(wave.size()) / 16000);
    EXPECT_EQ(words, (std::vector<int>{0, 1, 2, 3}));
    std::vector<std::string> expected;
    ASSERT_EQ(found->variant.size(), 4u);
    for (std::size_t w = 0; w < 4; ++w) {
        const auto& variant = kMuted[w].variants[static_cast<std::size_t>(found->variant[w])];
        expected.insert(expected.end(), variant.begin(), variant.end());
    }
    EXPECT_EQ(phones, expected);
}

// The quiet half second put in front must come out as silence, and everything else later by as much.
TEST(Aligner, AddedSilenceShiftsTheTimes) {
    const std::vector<float> wave = clip("conf-muted");
    std::vector<float> later(8000, 0.0f);
    for (std::size_t i = 0; i < later.size(); ++i)
        later[i] = 1e-4f * static_cast<float>(i % 7);  // no digital zero
    later.insert(later.end(), wave.begin(), wave.end());
    Aligner aligner({}, kPhones);
    const auto first = aligner.align(wave, kMuted), second = aligner.align(later, kMuted);
    ASSERT_TRUE(first && second) << aligner.problem();
    ASSERT_EQ(second->units.front().unit, kSilenceUnit);
    EXPECT_NEAR(second->units.front().end_s, 0.5, 0.08);
    EXPECT_NEAR(
        second->units[second->units.size() - 2].start_s - first->units[first->units.size() - 2].start_s, 0.5,
        0.05);
}

TEST(Aligner, ChoosesTheVariantThatSounds) {
    Aligner aligner({}, kPhones);
    std::vector<AlignerWord> words = kMuted;
    words[3].variants = {{"S", "AA", "S"}, {"M", "Y", "UW", "T", "IH", "D"}};
    const auto found = aligner.align(clip("conf-muted"), words);
    ASSERT_TRUE(found.has_value()) << aligner.problem();
    EXPECT_EQ(found->variant[3], 1);
}

TEST(Aligner, RefusesWrongText) {
    Aligner aligner({}, kPhones);
    const std::vector<AlignerWord> wrong = {{"silly", {{"S", "IH", "L", "IY"}}},
                                            {"hassle", {{"HH", "AE", "S", "AH", "L"}}},
                                            {"says", {{"S", "EY", "Z"}}}};
    EXPECT_FALSE(aligner.align(clip("conf-muted"), wrong).has_value());
    EXPECT_NE(aligner.problem(), "");
    EXPECT_TRUE(aligner.align(clip("conf-muted"), kMuted).has_value());  // a refusal leaves no trace
    EXPECT_EQ(aligner.problem(), "");
}

TEST(Aligner, RefusesTooShortRecordings) {
    Aligner aligner({}, kPhones);
    EXPECT_FALSE(aligner.align({}, kMuted).has_value());
    const std::vector<float> wave = clip("conf-muted");
    EXPECT_FALSE(aligner.align(std::span(wave).first(3200), kMuted).has_value());  // 0.2 s for 13 phones
    EXPECT_FALSE(aligner.align(wave, {}).has_value());
}

TEST(Aligner, TimesDoNotDependOnOrder) {
    Aligner fresh({}, kPhones), used({}, kPhones);
    used.align(clip("conf-locked"), std::vector<AlignerWord>{{"x", {{"L", "AA", "K", "T"}}}});
    EXPECT_EQ(fresh.align(clip("conf-muted"), kMuted)->units, used.align(clip("conf-muted"), kMuted)->units);
}

TEST(Aligner, UnknownPhoneIsRefused) {
    EXPECT_THROW(Aligner({}, std::vector<std::string>{"AA", "QQ"}), UserError);
}

}  // namespace
}  // namespace linvox

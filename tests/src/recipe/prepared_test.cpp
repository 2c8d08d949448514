#include "src/recipe/prepared.h"

#include <gmock/gmock.h>

#include "src/recipe/recipe_config.h"
#include "src/recipe/splice.h"

namespace linvox {
namespace {

PreparedClip clip_of(const std::string& id, std::int32_t first_code) {
    PreparedClip clip;
    clip.id = id;
    clip.text = "One two.";
    clip.words = {"one", "two"};
    clip.units = {{"W", 0, 2}, {"AH", 2, 3}, {"N", 3, 6}, {"T", 6, 7}, {"UW", 7, 10}};
    clip.word_of_unit = {0, 0, 0, 1, 1};
    std::vector<std::int32_t> codes;
    for (std::int32_t i = 0; i < 10; ++i) codes.push_back(first_code + i);
    clip.variants = {{1.0, 0, codes}, {0.9, 1, {codes.begin(), codes.begin() + 9}}};
    return clip;
}

TEST(Prepared, RoundTrip) {
    const auto path = std::filesystem::path(testing::TempDir()) / "prepared.jsonl";
    PreparedClip clip = clip_of("a", 0);
    clip.role = Role::watch;
    write_prepared(path, {clip});
    const auto read = read_prepared(path);
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(read[0].units, clip.units);
    EXPECT_EQ(read[0].word_of_unit, clip.word_of_unit);
    EXPECT_EQ(read[0].role, Role::watch);
    EXPECT_EQ(read[0].variants[1].codes, clip.variants[1].codes);
    EXPECT_TRUE(with_role(read, Role::train).empty());
}

TEST(Prepared, RescaledUnitsCoverTheNewGridAndKeepACodeEach) {
    const auto units = clip_of("a", 0).units;
    for (const std::int32_t count : {5, 6, 9, 11, 23}) {
        const auto scaled = rescale_units(units, 10, count);
        ASSERT_EQ(scaled.size(), units.size());
        std::int32_t expected = 0;
        for (const AlignedUnit& unit : scaled) {
            EXPECT_EQ(unit.begin, expected);
            EXPECT_GT(unit.end, unit.begin);
            expected = unit.end;
        }
        EXPECT_EQ(expected, count);
    }
    EXPECT_EQ(rescale_units(units, 10, 10), units);
    EXPECT_TRUE(rescale_units(units, 10, 4).empty());
}

TEST(Splice, KeepsCodesWithTheirUnits) {
    const std::vector<PreparedClip> clips = {clip_of("a", 100), clip_of("b", 200)};
    const SpliceConfig config{.share = 1, .max_runs = 4, .max_run_words = 2, .max_codes = 25};
    // What each code stood for in its clip: the unit that held it.
    const auto unit_of_code = [&](std::int32_t code) {
        const std::int32_t frame = code % 100;
        for (const AlignedUnit& unit : clips[0].units)
            if (frame >= unit.begin && frame < unit.end) return unit.unit;
        return std::string("none");
    };
    bool crossed = false;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        Rng rng(seed);
        const SplicedUtterance out = splice(clips, config, false, rng);
        ASSERT_FALSE(out.codes.empty());
        EXPECT_LE(out.codes.size(), 25U);
        EXPECT_EQ(out.units.front().begin, 0);
        EXPECT_EQ(out.units.back().end, static_cast<std::int32_t>(out.codes.size()));
        std::size_t words = 0;
        for (const AlignedUnit& unit : out.units) {
            words += unit.unit == "W" || unit.unit == "T";
            for (std::int32_t t = unit.begin; t < unit.end; ++t)
                EXPECT_EQ(unit_of_code(out.codes[static_cast<std::size_t>(t)]), unit.unit);
        }
        EXPECT_EQ(words, out.words.size());
        crossed = crossed || (out.codes.front() < 200) != (out.codes.back() < 200);
    }
    EXPECT_TRUE(crossed);
}

TEST(Splice, AugmentedRunsComeFromOtherCodings) {
    std::vector<PreparedClip> clips = {clip_of("a", 100)};
    clips[0].variants[1].codes.assign(9, 7);
    bool other = false;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Rng rng(seed);
        for (const std::int32_t code : splice(clips, {}, true, rng).codes) other = other || code == 7;
    }
    EXPECT_TRUE(other);
}

}  // namespace
}  // namespace linvox

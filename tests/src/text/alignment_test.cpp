#include "src/text/alignment.h"

#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

std::filesystem::path temporary(const std::string& name) {
    return std::filesystem::path(testing::TempDir()) / name;
}

const std::vector<TimedUnit> kHello = {{"SIL", 0.0, 0.30, -1}, {"HH", 0.30, 0.38, 0},
                                       {"AH", 0.38, 0.44, 0},  {"SIL", 0.44, 0.60, -1},
                                       {"L", 0.60, 0.70, 1},   {"SIL", 0.70, 1.00, -1}};

TEST(UnitsToFrames, SilenceGoesToTheUnitBefore) {
    const FramedUnits framed = units_to_frames(kHello, 50, 50);
    EXPECT_EQ(framed.problem, "");
    EXPECT_EQ(framed.units, (std::vector<AlignedUnit>{{"HH", 0, 19}, {"AH", 19, 30}, {"L", 30, 50}}));
    EXPECT_EQ(framed.word, (std::vector<std::int32_t>{0, 0, 1}));
}

TEST(UnitsToFrames, EveryUnitGetsAFrame) {
    // At 10 frames a second all three start in frame 1.
    const std::vector<TimedUnit> quick = {{"A", 0.08, 0.10, 0}, {"B", 0.10, 0.12, 0}, {"C", 0.12, 0.5, 0}};
    EXPECT_EQ(units_to_frames(quick, 10, 5).units,
              (std::vector<AlignedUnit>{{"A", 0, 1}, {"B", 1, 2}, {"C", 2, 5}}));
    // Crowded at the end: the frames come from the units before.
    const std::vector<TimedUnit> late = {{"A", 0, 0.48, 0}, {"B", 0.48, 0.49, 0}, {"C", 0.49, 0.5, 0}};
    EXPECT_EQ(units_to_frames(late, 10, 5).units,
              (std::vector<AlignedUnit>{{"A", 0, 3}, {"B", 3, 4}, {"C", 4, 5}}));
    EXPECT_EQ(units_to_frames(late, 10, 3).units,
              (std::vector<AlignedUnit>{{"A", 0, 1}, {"B", 1, 2}, {"C", 2, 3}}));
}

TEST(UnitsToFrames, ReportsWhatCannotBe) {
    EXPECT_NE(units_to_frames(kHello, 50, 2).problem, "");
    EXPECT_TRUE(units_to_frames(kHello, 50, 2).units.empty());
    EXPECT_NE(units_to_frames(std::vector<TimedUnit>{{"SIL", 0, 1, -1}}, 50, 50).problem, "");
    EXPECT_NE(units_to_frames(kHello, 50, 50, 19).problem, "");  // L with its silence takes 20
    EXPECT_EQ(units_to_frames(kHello, 50, 50, 20).problem, "");
    EXPECT_NE(units_to_frames({}, 50, 50).problem, "");
}

TEST(UnitsToFrames, AlwaysTiles) {
    for (int frames = 3; frames < 60; ++frames) {
        const FramedUnits framed = units_to_frames(kHello, frames / 1.0, frames);
        ASSERT_EQ(framed.problem, "");
        int at = 0;
        for (const AlignedUnit& unit : framed.units) {
            EXPECT_EQ(unit.begin, at);
            EXPECT_GT(unit.end, unit.begin);
            at = unit.end;
        }
        EXPECT_EQ(at, frames);
    }
}

TEST(SpeechBounds, KeepAMargin) {
    const TrimPoints bounds = speech_bounds(kHello, 1.0, 0.1);
    EXPECT_DOUBLE_EQ(bounds.start_s, 0.2);
    EXPECT_DOUBLE_EQ(bounds.end_s, 0.8);
    EXPECT_DOUBLE_EQ(speech_bounds(kHello, 1.0, 0.9).start_s, 0);
    EXPECT_DOUBLE_EQ(speech_bounds(kHello, 1.0, 0.9).end_s, 1);
    EXPECT_DOUBLE_EQ(speech_bounds(std::vector<TimedUnit>{{"SIL", 0, 1, -1}}, 1.0, 0.1).end_s, 0);
}

TEST(TrimUnits, CountsFromTheCut) {
    const std::vector<TimedUnit> cut = trim_units(kHello, {0.2, 0.65});
    ASSERT_EQ(cut.size(), 5u);
    EXPECT_EQ(cut[0].unit, "SIL");
    EXPECT_NEAR(cut[0].end_s, 0.1, 1e-12);
    EXPECT_NEAR(cut[1].start_s, 0.1, 1e-12);
    EXPECT_EQ(cut[1].word, 0);
    EXPECT_NEAR(cut[4].end_s, 0.45, 1e-12);
}

TEST(Alignments, FileComesBackEqual) {
    const std::map<std::string, std::vector<TimedUnit>> alignments = {{"a", kHello},
                                                                      {"b", {{"X", 0.5, 1.25, 3}}}};
    const auto path = temporary("alignments.jsonl");
    write_alignments(path, alignments);
    EXPECT_EQ(read_alignments(path), alignments);
}

TEST(Alignments, SilenceNamesAndMissingWords) {
    const auto path = temporary("names.jsonl");
    write_file_atomic(path, R"({"id": "a", "unit": "", "start": 0, "end": 0.5})"
                            "\n"
                            R"({"id": "a", "unit": "B", "start": 0.5, "end": 1})");
    const auto units = read_alignments(path).at("a");
    EXPECT_EQ(units[0].unit, "SIL");
    EXPECT_EQ(units[1].word, -1);
}

TEST(Alignments, BadRowsAreNamed) {
    const auto path = temporary("bad.jsonl");
    const std::string good = R"({"id": "a", "unit": "A", "start": 0, "end": 0.5})";
    for (const std::string bad :
         {R"({"id": "a", "unit": "B", "start": 0.4, "end": 0.6})",
          R"({"id": "a", "unit": "B", "start": 0.7, "end": 0.7})",
          R"({"id": "a", "unit": "B", "start": 0.7})", R"({"id": "a", "unit": 3, "start": 0.7, "end": 0.8})",
          R"({"id": "a", "unit": "B", "start": -1, "end": 0.8})"}) {
        write_file_atomic(path, good + "\n" + bad + "\n");
        try {
            read_alignments(path);
            ADD_FAILURE() << bad;
        } catch (const DataError& error) {
            EXPECT_NE(std::string(error.what()).find("bad.jsonl:2"), std::string::npos) << error.what();
        }
    }
}

const char* kLong = R"(File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.2
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.2
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = ""
        intervals [2]:
            xmin = 0.3
            xmax = 0.6
            text = "say ""hi"""
        intervals [3]:
            xmin = 0.6
            xmax = 1.2
            text = "low"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.2
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.3
            text = "sil"
        intervals [2]:
            xmin = 0.3
            xmax = 0.6
            text = "AY1"
        intervals [3]:
            xmin = 0.6
            xmax = 0.9
            text = "L"
        intervals [4]:
            xmin = 0.9
            xmax = 1.2
            text = "OW0"
)";
const char* kShort =
    "File type = \"ooTextFile\"\nObject class = "
    "\"TextGrid\"\n\n0\n1.2\n<exists>\n2\n\"IntervalTier\"\n\"words\"\n0\n1.2\n3\n"
    "0\n0.3\n\"\"\n0.3\n0.6\n\"say "
    "\"\"hi\"\"\"\n0.6\n1.2\n\"low\"\n\"IntervalTier\"\n\"phones\"\n0\n1.2\n4\n0\n0.3\n\"sil\"\n"
    "0.3\n0.6\n\"AY1\"\n0.6\n0.9\n\"L\"\n0.9\n1.2\n\"OW0\"\n";

TEST(TextGrid, LongAndShortFormsAgree) {
    const std::vector<TimedUnit> expected = {
        {"SIL", 0, 0.3, -1}, {"AY", 0.3, 0.6, 0}, {"L", 0.6, 0.9, 1}, {"OW", 0.9, 1.2, 1}};
    write_file_atomic(temporary("long.TextGrid"), kLong);
    write_file_atomic(temporary("short.TextGrid"), kShort);
    EXPECT_EQ(read_text_grid(temporary("long.TextGrid")), expected);
    EXPECT_EQ(read_text_grid(temporary("short.TextGrid")), expected);
    EXPECT_EQ(read_text_grid(temporary("long.TextGrid"), "words")[1].unit, "say \"hi\"");
}

TEST(TextGrid, DamageIsRefused) {
    const auto path = temporary("damaged.TextGrid");
    const std::string whole = kShort;
    for (std::size_t length = 0; length + 1 < whole.size(); length += 7) {
        write_file_atomic(path, whole.substr(0, length));
        EXPECT_THROW(read_text_grid(path), DataError) << length;
    }
    write_file_atomic(path, "\xFF\xFE");
    EXPECT_THROW(read_text_grid(path), DataError);
    write_file_atomic(path, whole);
    EXPECT_THROW(read_text_grid(path, "letters"), DataError);
}

}  // namespace
}  // namespace linvox

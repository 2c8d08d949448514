#include "src/text/vocabulary.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

Vocabulary small() { return {{"AH", "B"}, 4, "phones", "digest"}; }

TEST(Vocabulary, IdsStandInTheStatedOrder) {
    const Vocabulary v = small();
    EXPECT_EQ(v.unit_id("AH"), 3);
    EXPECT_EQ(v.unit_id("B"), 4);
    EXPECT_EQ(v.next(), 5);
    EXPECT_EQ(v.eos(), 6);
    EXPECT_EQ(v.codec_start(), 7);
    EXPECT_EQ(v.size(), 11);
    EXPECT_FALSE(v.is_code(6));
    EXPECT_TRUE(v.is_code(7));
    EXPECT_TRUE(v.is_code(10));
    EXPECT_FALSE(v.is_code(11));
}

TEST(Vocabulary, NamesEveryToken) {
    const Vocabulary v = small();
    const char* names[] = {"PAD", "BOS", "END", "AH", "B", "NEXT", "EOS", "c0", "c1", "c2", "c3"};
    for (int id = 0; id < v.size(); ++id) EXPECT_EQ(v.token_name(id), names[id]);
    EXPECT_EQ(v.token_name(11), "?11");
    EXPECT_EQ(v.token_name(-1), "?-1");
}

TEST(Vocabulary, UnknownUnitIsNamed) {
    try {
        small().unit_id("ZH");
        FAIL();
    } catch (const DataError& error) {
        EXPECT_NE(std::string(error.what()).find("'ZH'"), std::string::npos) << error.what();
    }
}

TEST(Vocabulary, SavesAndLoads) {
    const auto path = std::filesystem::path(testing::TempDir()) / "vocabulary.json";
    small().save(path);
    const Vocabulary v = Vocabulary::load(path);
    EXPECT_EQ(v.units, small().units);
    EXPECT_EQ(v.codec_size, 4);
    EXPECT_EQ(v.unit_kind, "phones");
    EXPECT_EQ(v.codec_digest, "digest");
}

TEST(Vocabulary, RefusesDamagedFiles) {
    const auto path = std::filesystem::path(testing::TempDir()) / "bad_vocabulary.json";
    const std::string head =
        R"({"format": "linvox-vocabulary-1", "unit_kind": "phones", "codec_digest": "", )";
    for (const std::string body :
         {R"("units": ["A", "A"], "codec_size": 4})", R"("units": ["A"], "codec_size": 0})",
          R"("units": ["A", ""], "codec_size": 4})", R"("units": "A", "codec_size": 4})",
          R"("units": ["A"]})"}) {
        write_file_atomic(path, head + body);
        EXPECT_THROW(Vocabulary::load(path), DataError) << body;
    }
    write_file_atomic(path, R"({"format": "other"})");
    EXPECT_THROW(Vocabulary::load(path), DataError);
}

}  // namespace
}  // namespace linvox

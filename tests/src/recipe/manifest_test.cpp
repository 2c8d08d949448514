#include "src/recipe/manifest.h"

#include <gmock/gmock.h>

#include <fstream>

#include "src/base/error.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ManifestTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ =
            fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
        fs::remove_all(folder_);
        fs::create_directories(folder_ / "audio");
        std::ofstream(folder_ / "audio/a.wav") << "x";
        std::ofstream(folder_.string() + "-outside.wav") << "x";
    }
    fs::path write(const std::string& lines) {
        std::ofstream(folder_ / "manifest.jsonl") << lines;
        return folder_ / "manifest.jsonl";
    }
    std::string error_of(const std::string& lines) {
        try {
            read_manifest(write(lines));
        } catch (const DataError& error) {
            return error.what();
        }
        return "no error";
    }
    fs::path folder_;
};

TEST_F(ManifestTest, ReadsClips) {
    const auto clips = read_manifest(write(
        R"({"id":"a","text":"Hi.","audio":"audio/a.wav","split":"train","speaker":"s","duration_s":1.5})"));
    ASSERT_EQ(clips.size(), 1U);
    EXPECT_EQ(clips[0].id, "a");
    EXPECT_EQ(clips[0].speaker, "s");
    EXPECT_EQ(clips[0].audio, folder_ / "audio/a.wav");
}

TEST_F(ManifestTest, NamesEveryProblemWithItsLine) {
    const std::string message = error_of(
        "{\"id\":\"a\",\"text\":\"Hi\",\"audio\":\"audio/a.wav\",\"split\":\"train\"}\n"
        "{\"id\":\"a\",\"text\":\"Hi\",\"audio\":\"audio/a.wav\",\"split\":\"train\"}\n"
        "{\"id\":\"b\",\"text\":\"\",\"audio\":\"audio/a.wav\",\"split\":\"train\"}\n"
        "{\"id\":\"c\",\"audio\":\"audio/a.wav\",\"split\":\"train\"}\n"
        "{\"id\":\"d\",\"text\":\"Hi\",\"audio\":\"../ManifestTest-outside.wav\",\"split\":\"train\"}\n"
        "{\"id\":\"e\",\"text\":\"Hi\",\"audio\":\"audio/missing.wav\",\"split\":\"train\"}\n"
        "{\"id\":\"f\",\"text\":\"Hi\",\"audio\":\"audio/a.wav\",\"split\":\"dev\"}\n"
        "{\"id\":\"../g\",\"text\":\"Hi\",\"audio\":\"audio/a.wav\",\"split\":\"train\"}\n");
    EXPECT_THAT(message, HasSubstr("manifest.jsonl:2: id 'a' stands on line 1 already"));
    EXPECT_THAT(message, HasSubstr(":3: \"text\" must not be empty"));
    EXPECT_THAT(message, HasSubstr(":4: needs the field \"text\""));
    EXPECT_THAT(message, HasSubstr(":5: \"audio\" must stay inside"));
    EXPECT_THAT(message, HasSubstr(":6: \"audio\" names 'audio/missing.wav', which does not exist"));
    EXPECT_THAT(message, HasSubstr(":7: \"split\" must be train, valid or test, got 'dev'"));
    EXPECT_THAT(message, HasSubstr(":8: \"id\" must be letters"));
}

TEST_F(ManifestTest, RefusesALinkThatLeavesTheFolder) {
    fs::create_symlink(folder_.string() + "-outside.wav", folder_ / "audio/link.wav");
    EXPECT_THAT(error_of(R"({"id":"a","text":"Hi","audio":"audio/link.wav","split":"train"})"),
                HasSubstr("leaves it"));
}

TEST_F(ManifestTest, RefusesNothingToTrainOn) {
    EXPECT_THAT(error_of(R"({"id":"a","text":"Hi","audio":"audio/a.wav","split":"test"})"),
                HasSubstr("no clip has \"split\": \"train\""));
    EXPECT_THAT(error_of("\n"), HasSubstr("holds no clip"));
    EXPECT_THAT(error_of("{\"id\": }"), HasSubstr("manifest.jsonl:1"));
}

}  // namespace
}  // namespace linvox

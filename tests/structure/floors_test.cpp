// The rules of the house, read off the include lines of every source file:
// nobody includes a higher floor, nor a later room of the same floor; LibTorch stays above the
// tensor line and its heavy umbrella headers out of the house.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace linvox {
namespace {

namespace fs = std::filesystem;

struct Room {
    std::string folder;
    int floor;
    std::vector<std::string> may_use;  // other rooms of the same floor; lower floors are open to all
};

const std::vector<Room>& rooms() {
    static const std::vector<Room> kRooms = {
        {"src/base", 0, {}},
        {"src/config", 1, {}},
        {"src/text", 2, {}},
        {"audio", 2, {}},
        {"eval", 2, {"audio", "src/text"}},
        {"src/loss", 3, {}},
        {"src/model", 3, {"src/loss"}},
        {"audio/codec", 3, {"src/loss", "src/model"}},
        {"src/data", 4, {}},
        {"src/train", 4, {"src/data"}},
        {"src/generate", 4, {"src/data"}},
        {"src/recipe", 5, {}},
        {"src/cli", 6, {}},
    };
    return kRooms;
}

// LibTorch's differences between versions are kept in one header, open to all rooms above the line.
const std::string kOpenHeader = "src/model/torch_compat.h";
constexpr int kTensorFloor = 3;

const fs::path& root() {
    static const fs::path kRoot = LINVOX_SOURCE_DIR;
    return kRoot;
}

// The room of a path such as "src/loss/preference.h", or nullptr. Rooms do not reach into
// folders below them: audio/codec is a room of its own.
const Room* room_of(const std::string& path) {
    const std::string folder = fs::path(path).parent_path().generic_string();
    const auto& all = rooms();
    const auto at =
        std::find_if(all.begin(), all.end(), [&](const Room& room) { return room.folder == folder; });
    return at == all.end() ? nullptr : &*at;
}

bool starts_with_any(const std::string& text, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& p) { return text.starts_with(p); });
}

// "x" of every line `#include <x>` or `#include "x"`.
std::vector<std::string> includes_of(const fs::path& file) {
    std::vector<std::string> found;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        const auto hash = line.find_first_not_of(" \t");
        if (hash == std::string::npos || line[hash] != '#') continue;
        const auto word = line.find("include", hash);
        const auto open = line.find_first_of("<\"", hash);
        const auto close = open == std::string::npos ? open : line.find_first_of(">\"", open + 1);
        if (word == std::string::npos || word > open || close == std::string::npos) continue;
        found.push_back(line.substr(open + 1, close - open - 1));
    }
    return found;
}

// What one include line of `from` breaks, or "".
std::string broken_rule(const std::string& from, const Room& room, const std::string& include) {
    static const std::vector<std::string> kUmbrellas = {"torch/torch.h", "torch/extension.h", "torch/all.h",
                                                        "torch/types.h", "ATen/ATen.h"};
    if (starts_with_any(include, kUmbrellas)) return "heavy umbrella header";
    if (room.floor < kTensorFloor && starts_with_any(include, {"ATen/", "c10/", "torch/"}))
        return "LibTorch below the tensor line";
    const Room* to = room_of(include);
    if (!to) {
        const bool ours = starts_with_any(include, {"src/", "audio/", "eval/", "tests/", "bench/", "."});
        return ours && from.find("/tests/") == std::string::npos ? "no room of this house" : "";
    }
    if (to->floor > room.floor) return "a higher floor";
    if (to->floor < room.floor || to == &room) return "";
    if (include == kOpenHeader && room.floor == kTensorFloor) return "";
    const bool allowed =
        std::find(room.may_use.begin(), room.may_use.end(), to->folder) != room.may_use.end();
    return allowed ? "" : "a room of the same floor that is not open to " + room.folder;
}

// Paths of the sources directly in a folder, relative to the root.
std::vector<std::string> sources_in(const std::string& folder) {
    std::vector<std::string> found;
    if (!fs::is_directory(root() / folder)) return found;
    for (const auto& entry : fs::directory_iterator(root() / folder)) {
        const std::string extension = entry.path().extension();
        if (extension == ".h" || extension == ".cpp")
            found.push_back(folder + "/" + entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

TEST(Floors, EveryIncludeStaysOnItsFloorOrGoesDown) {
    std::size_t lines = 0;
    for (const Room& room : rooms()) {
        for (const std::string& file : sources_in(room.folder)) {
            for (const std::string& include : includes_of(root() / file)) {
                ++lines;
                EXPECT_EQ(broken_rule(file, room, include), "") << file << " includes " << include;
            }
        }
    }
    EXPECT_GT(lines, 100u) << "the walk found almost nothing: is LINVOX_SOURCE_DIR right?";
}

TEST(Floors, EverySourceFolderIsARoom) {
    for (const std::string top : {"src", "audio", "eval"}) {
        for (const auto& entry : fs::recursive_directory_iterator(root() / top)) {
            const std::string extension = entry.path().extension();
            if (extension != ".h" && extension != ".cpp") continue;
            const std::string path = fs::relative(entry.path(), root()).generic_string();
            EXPECT_TRUE(room_of(path)) << path << " stands in no room; add its folder to rooms()";
        }
    }
}

TEST(Floors, TestsKeepTheUmbrellasOut) {
    for (const std::string top : {"tests", "bench"}) {
        for (const auto& entry : fs::recursive_directory_iterator(root() / top)) {
            if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
            for (const std::string& include : includes_of(entry.path())) {
                EXPECT_FALSE(include.starts_with("torch/torch.h") || include.starts_with("ATen/ATen.h"))
                    << entry.path() << " includes " << include;
            }
        }
    }
}

// The rules themselves, on lines that break them.
TEST(Floors, TheRulesCanFail) {
    const auto breaks = [](const std::string& from, const std::string& include) {
        return !broken_rule(from, *room_of(from), include).empty();
    };
    EXPECT_TRUE(breaks("src/base/text.h", "src/config/visitor.h"));
    EXPECT_TRUE(breaks("audio/wav.h", "src/text/normalise.h"));
    EXPECT_TRUE(breaks("audio/wav.h", "eval/metric.h"));
    EXPECT_TRUE(breaks("audio/wav.cpp", "audio/codec/codec.h"));
    EXPECT_TRUE(breaks("src/loss/preference.h", "src/model/score.h"));
    EXPECT_TRUE(breaks("src/model/score.h", "audio/codec/codec.h"));
    EXPECT_TRUE(breaks("src/train/trainer.h", "src/generate/generate.h"));
    EXPECT_TRUE(breaks("src/data/pack.h", "src/train/trainer.h"));
    EXPECT_TRUE(breaks("src/recipe/stage.h", "src/cli/parse.h"));
    EXPECT_TRUE(breaks("src/model/score.cpp", "torch/torch.h"));
    EXPECT_TRUE(breaks("src/model/score.cpp", "ATen/ATen.h"));
    EXPECT_TRUE(breaks("eval/metrics.cpp", "ATen/core/Tensor.h"));
    EXPECT_TRUE(breaks("src/text/vocabulary.cpp", "c10/util/Exception.h"));
    EXPECT_TRUE(breaks("src/model/score.cpp", "src/nowhere/x.h"));
    EXPECT_TRUE(breaks("src/model/score.cpp", "../loss/x.h"));

    EXPECT_FALSE(breaks("src/loss/preference.cpp", kOpenHeader));
    EXPECT_FALSE(breaks("audio/codec/mel_codec.h", "src/model/decoder.h"));
    EXPECT_FALSE(breaks("audio/codec/mel_codec.h", "audio/wav.h"));
    EXPECT_FALSE(breaks("eval/metrics.cpp", "src/text/normalise.h"));
    EXPECT_FALSE(breaks("src/model/score.cpp", "ATen/core/Tensor.h"));
    EXPECT_FALSE(breaks("src/base/text.cpp", "fmt/format.h"));
}

}  // namespace
}  // namespace linvox

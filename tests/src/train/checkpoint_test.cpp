#include "src/train/checkpoint.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "src/base/error.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

fs::path fresh(const std::string& name) {
    const fs::path folder = fs::path(testing::TempDir()) / name;
    fs::remove_all(folder);
    return folder;
}

Checkpoint checkpoint_at(std::int64_t step) {
    return {{.step = step, .epoch = 2, .index_in_epoch = 3, .best_loss = 1.5, .has_best = true},
            {{"weight/w", at::full({2, 2}, static_cast<double>(step))}},
            {{"model", "abc"}}};
}

TEST(Checkpoint, ComesBackEqual) {
    const fs::path folder = fresh("checkpoint_equal");
    const Checkpoint saved = checkpoint_at(7);
    const fs::path directory = save_checkpoint(folder, saved, 1);
    const Checkpoint loaded = load_checkpoint(directory);
    EXPECT_EQ(loaded.progression, saved.progression);
    EXPECT_EQ(loaded.identity, saved.identity);
    EXPECT_TRUE(at::equal(loaded.tensors.at("weight/w"), saved.tensors.at("weight/w")));
}

TEST(Checkpoint, KeepsTheNewestOnly) {
    const fs::path folder = fresh("checkpoint_keep");
    for (const std::int64_t step : {5, 50, 500}) save_checkpoint(folder, checkpoint_at(step), 2);
    EXPECT_EQ(newest_checkpoint(folder).filename(), "step-000500");
    EXPECT_FALSE(fs::exists(folder / "step-000005"));
    EXPECT_TRUE(fs::exists(folder / "step-000050"));
}

TEST(Checkpoint, HalfWrittenOnesAreNotSeen) {
    const fs::path folder = fresh("checkpoint_half");
    save_checkpoint(folder, checkpoint_at(5), 2);
    fs::create_directories(folder / "step-000009");
    std::ofstream(folder / "step-000009" / "state.safetensors") << "x";
    EXPECT_EQ(newest_checkpoint(folder).filename(), "step-000005");
    EXPECT_EQ(newest_checkpoint(folder / "absent"), fs::path());
}

TEST(Checkpoint, DamagedStateNamesTheFile) {
    const fs::path folder = fresh("checkpoint_damaged");
    const fs::path directory = save_checkpoint(folder, checkpoint_at(5), 1);
    std::ofstream(directory / "checkpoint.json") << R"({"version": 1, "progression": {}, "identity": {}})";
    try {
        load_checkpoint(directory);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("checkpoint.json"));
    }
}

TEST(Identity, NamesEveryDifferingFieldWithBothValues) {
    try {
        require_equal_identity({{"model", "a"}, {"loss", "dpo"}, {"same", "x"}},
                               {{"model", "b"}, {"pairs", "p"}, {"same", "x"}, {"loss", "dpo"}}, "here",
                               "remedy");
        FAIL();
    } catch (const DataError& error) {
        const std::string what = error.what();
        EXPECT_THAT(what, testing::HasSubstr("here: model differs: 'a' in the file, 'b' in this run"));
        EXPECT_THAT(what, testing::HasSubstr("pairs differs: (not stated) in the file, 'p' in this run"));
        EXPECT_THAT(what, testing::Not(testing::HasSubstr("same")));
        EXPECT_THAT(what, testing::HasSubstr("remedy"));
    }
    EXPECT_NO_THROW(require_equal_identity({{"a", "1"}}, {{"a", "1"}}, "", ""));
}

}  // namespace
}  // namespace linvox

#include "src/recipe/sweep.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/base/files.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

std::vector<AlignRun> runs_over_r2(const std::vector<double>& values) {
    std::vector<AlignRun> runs;
    for (std::size_t i = 0; i < values.size(); ++i) {
        AlignRun run{fmt::format("r{}", i), {}};
        run.train.loss.main.set(LossOption::r2, values[i]);
        runs.push_back(run);
    }
    return runs;
}

TEST(Sweep, IsFoundWhereOneNumberDiffers) {
    std::vector<AlignRun> runs = runs_over_r2({0.1, 2.0, 0.4});
    const auto sweep = find_sweep(runs);
    ASSERT_TRUE(sweep);
    EXPECT_EQ(sweep->key, "loss.r2");
    EXPECT_EQ(sweep->values, (std::vector<double>{0.1, 2.0, 0.4}));
    runs[1].train.epochs = 7;
    EXPECT_FALSE(find_sweep(runs));
    EXPECT_FALSE(find_sweep(runs_over_r2({0.1, 0.2})));
    EXPECT_FALSE(find_sweep(runs_over_r2({0.1, 0.1, 0.1})));
    std::vector<AlignRun> kinds = runs_over_r2({1, 1, 1});
    kinds[2].train.precision = "bf16";
    EXPECT_FALSE(find_sweep(kinds));
}

TEST(Sweep, ShowsWhereTrainingEndedInOrderOfTheSetting) {
    const std::vector<AlignRun> runs = runs_over_r2({0.1, 2.0, 0.4});
    const fs::path folder = fs::path(testing::TempDir()) / "sweep_align";
    for (std::size_t r = 0; r < runs.size(); ++r) {
        std::string lines;
        for (int step = 1; step <= 9; ++step)
            lines += fmt::format(
                "{{\"step\": {}, \"logratio/chosen_per_token\": {}, \"logratio/rejected_per_token\": -1}}\n",
                step, step >= 7 ? static_cast<double>(r) : 100.0);
        lines += fmt::format("{{\"step\": 9, \"eval_logratio/chosen_per_token\": {}}}\n", 10 + r);
        ensure_directory(folder / runs[r].name);
        write_file_atomic(folder / runs[r].name / "train.jsonl", lines);
    }
    const ReportPanel panel = sweep_panel(*find_sweep(runs), runs, folder, Report{});
    ASSERT_EQ(panel.plots.size(), 2u);
    EXPECT_TRUE(panel.plots[0].log_x);
    const auto& chosen = panel.plots[0].series[0].points;
    ASSERT_EQ(chosen.size(), 3u);
    EXPECT_EQ(chosen[0].x, 0.1);
    EXPECT_EQ(chosen[1].x, 0.4);
    EXPECT_EQ(chosen[1].y, 2.0);  // the last quarter alone
    EXPECT_EQ(chosen[2].y, 1.0);
    EXPECT_EQ(panel.plots[1].series[0].points[2].y, 11.0);
    EXPECT_TRUE(panel.plots[1].series[1].points.empty());
}

}  // namespace
}  // namespace linvox

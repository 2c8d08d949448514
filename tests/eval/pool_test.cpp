#include "eval/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/error.h"
#include "tests/eval/report_fixture.h"

namespace linvox {
namespace {

using testing::HasSubstr;

/// The small input with this many errors more in every LPO answer.
PooledRun run_with(const std::string& name, double more_errors) {
    ReportInput in = small_input();
    for (ReportAnswer& answer : in.answers)
        if (answer.system == "lpo") answer.values["wer.linvox"].sum += 100 * more_errors;
    return {name, build_report(in)};
}

const ReportTable& error_table(const Report& report) { return report.input.panels.back().tables.front(); }

TEST(Pool, CountsAllItemsOfAllRuns) {
    const Report report = pool_reports({run_with("a", 0), run_with("b", 1)});
    // Words: 2 samples of 4..9, LPO makes 1 error in every second answer, one more each in run b.
    const Aggregate* lpo = find_aggregate(report, "lpo", "wer.linvox");
    EXPECT_EQ(lpo->n, 24);
    EXPECT_EQ(lpo->clusters, 6);  // a prompt is one cluster in all runs
    EXPECT_NEAR(*lpo->corpus, 100.0 * (6 + 6 + 12) / (2 * 78), 1e-9);
    EXPECT_EQ(report.input.items.front().id, "a/p0#0");
    EXPECT_EQ(comparison_of(report, "wer.linvox").n, 24);
}

TEST(Pool, TellsEveryRunAndTheirMean) {
    const Report report = pool_reports({run_with("a", 0), run_with("b", 1), run_with("c", 2)});
    const ReportTable& table = error_table(report);
    EXPECT_THAT(table.columns, testing::ElementsAre("run", "Recording", "SFT", "LPO", "LPO − SFT"));
    ASSERT_EQ(table.rows.size(), 5u);
    // LPO: 6, 18 and 30 errors in 78 words; t of 2 degrees of freedom 4.303, sd 15.3846, half width 38.22.
    EXPECT_EQ(table.rows[0][3], "7.7");
    EXPECT_EQ(table.rows[2][3], "38.5");
    EXPECT_EQ(table.rows[3][3], "23.1");
    EXPECT_EQ(table.rows[4][3], "[−15.1, 61.3]");
    // SFT: 30 errors in 78 words in every run.
    EXPECT_EQ(table.rows[3][4], "−15.4");
    EXPECT_EQ(table.rows[4][2], "[38.5, 38.5]");
}

TEST(Pool, OneRunHasNoIntervalOverRuns) {
    const ReportTable table = error_table(pool_reports({run_with("a", 0)}));
    EXPECT_EQ(table.rows[2][3], "none");
}

TEST(Pool, RefusesWhatDoesNotBelongTogether) {
    EXPECT_THROW(pool_reports({}), DataError);
    EXPECT_THROW(pool_reports({run_with("a", 0), run_with("a", 1)}), DataError);
    PooledRun other = run_with("b", 0);
    other.report.input.systems.back().id = "dpo";
    try {
        pool_reports({run_with("a", 0), other});
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(
            error.what(),
            HasSubstr("run 'a' has the systems recording, sft, lpo, run 'b' has recording, sft, dpo"));
    }
}

}  // namespace
}  // namespace linvox

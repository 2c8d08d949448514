#include "eval/report_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "eval/report_page.h"
#include "tests/eval/report_fixture.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using testing::Not;

ReportPlot three_points() {
    const ReportPoint low{0.1, 1, {}, Interval{0, 2}, "low"}, middle{1, 2, {}, {}, ""},
        high{10, 3, {}, {}, ""};
    return {"Gain", "nats", "r2", true, {{"chosen", "chosen", true, {low, middle, high}}}};
}

TEST(ReportPlot, PlacesPointsOnTheirAxes) {
    const std::string html = plot_html(small_input(), three_points());
    // log10: -1 and 1, 5 % of 2 beside them: from -1.1 to 1.1; y from 0 (values are not negative) to 3.18.
    const PlotFrame frame{-1.1, 1.1, 0, 3.18};
    EXPECT_THAT(html, HasSubstr(fmt::format("cx={:.1f} cy={:.1f}", frame.x(-1), frame.y(1))));
    EXPECT_THAT(html, HasSubstr(fmt::format("cx={:.1f} cy={:.1f}", frame.x(0), frame.y(2))));
    EXPECT_THAT(html, HasSubstr(fmt::format("cx={:.1f} cy={:.1f}", frame.x(1), frame.y(3))));
    EXPECT_THAT(html, HasSubstr(fmt::format("M{:.1f} {:.1f}L{:.1f} {:.1f}L", frame.x(-1), frame.y(1),
                                            frame.x(0), frame.y(2))));
    EXPECT_THAT(html, HasSubstr("class=t-chosen"));
    EXPECT_THAT(html, HasSubstr(">low</text>"));
    EXPECT_THAT(html, HasSubstr(">0.1</text>"));
    EXPECT_EQ(plot_html(small_input(), {"Gain", "", "", false, {{"chosen", "chosen", true, {}}}}), "");
}

TEST(ReportPlot, SurvivesTheReportFile) {
    ReportInput in = small_input();
    in.panels.push_back({"sweep", "Sweep", "", {}, {}, {}, {}, {three_points()}});
    const Report report = build_report(in);
    const Report again = report_from_json(report_to_json(report));
    EXPECT_EQ(page_panels(again), page_panels(report));
    EXPECT_THAT(page_panels(report), HasSubstr("<figure><figcaption><b>Gain</b>"));
}

TEST(ReportPlot, DrawsGainAgainstDivergenceOnlyWhereItIsMeasured) {
    ReportInput in = small_input();
    EXPECT_EQ(page_divergence(build_report(in)), "");
    in.metrics.push_back({kDivergenceMetric, "KL", "nats", "", Better::none, false, false});
    for (ReportAnswer& answer : in.answers)
        if (answer.system != "recording")
            answer.values[kDivergenceMetric] = metric_value(answer.system == "lpo" ? 20 : 0, 80);
    const Report report = build_report(in);
    const std::vector<ReportPlot> plots = divergence_plots(report);
    ASSERT_EQ(plots.size(), 3u);  // the headline metrics with a direction
    ASSERT_EQ(plots[0].series.size(), 2u);
    EXPECT_EQ(plots[0].series[0].points[0].x, 0.0);
    EXPECT_EQ(plots[0].series[1].points[0].x, 0.25);
    EXPECT_EQ(plots[0].series[1].points[0].y, *find_aggregate(report, "lpo", "wer.linvox")->corpus);
    EXPECT_THAT(page_divergence(report), HasSubstr(">LPO</text>"));
    EXPECT_THAT(page_divergence(report), Not(HasSubstr("Recording")));
}

}  // namespace
}  // namespace linvox

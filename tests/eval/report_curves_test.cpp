#include <gtest/gtest.h>

#include <fstream>

#include "eval/report.h"
#include "src/base/error.h"

namespace linvox {
namespace {

const Curve& curve_of(const std::vector<Curve>& curves, const std::string& name, const std::string& split) {
    for (const Curve& curve : curves)
        if (curve.name == name && curve.split == split) return curve;
    throw std::runtime_error("no curve " + name);
}

std::filesystem::path log_file(const std::string& text) {
    const auto path = std::filesystem::path(testing::TempDir()) / "curves.jsonl";
    std::ofstream(path) << text;
    return path;
}

TEST(ReportCurves, ReadsBandsAndHeldOutValues) {
    const auto curves = read_curves(
        log_file(
            R"({"step":1,"epoch":0.1,"loss":-2.5,"x":1,"x_p10":0,"x_p50":1,"x_p90":3,"y":{"mean":4,"p10":3,"p90":6}}
{"step":2,"epoch":0.2,"loss":null,"x":2,"x_p10":1,"x_p50":2,"x_p90":4,"y":{"mean":5,"p10":4,"p90":7}}
{"step":2,"eval_loss":0.5}
)"),
        "lpo", "train");
    EXPECT_EQ(curves.size(), 4u);  // loss, x, y, held-out loss; no epoch, no percentile by itself
    const Curve& loss = curve_of(curves, "loss", "train");
    EXPECT_EQ(loss.value, (std::vector<double>{-2.5}));  // negative values are kept, null is no point
    EXPECT_EQ(curve_of(curves, "loss", "held-out").value, (std::vector<double>{0.5}));
    const Curve& x = curve_of(curves, "x", "train");
    EXPECT_EQ(x.run, "lpo");
    EXPECT_EQ(x.low, (std::vector<double>{0, 1}));
    EXPECT_EQ(x.high, (std::vector<double>{3, 4}));
    EXPECT_EQ(curve_of(curves, "y", "train").high, (std::vector<double>{6, 7}));
}

TEST(ReportCurves, ThinsByAveraging) {
    std::string text;
    for (int step = 1; step <= 1000; ++step)
        text += "{\"step\":" + std::to_string(step) + ",\"loss\":" + std::to_string(step % 2) + "}\n";
    const auto curves = read_curves(log_file(text), "sft", "train", 100);
    const Curve& loss = curve_of(curves, "loss", "train");
    ASSERT_EQ(loss.step.size(), 100u);
    EXPECT_DOUBLE_EQ(loss.step.front(), 5.5);
    EXPECT_DOUBLE_EQ(loss.value.back(), 0.5);
}

TEST(ReportCurves, RefusesWhatIsNoLog) {
    EXPECT_THROW(read_curves(log_file("no json\n"), "a", "train"), DataError);
}

}  // namespace
}  // namespace linvox

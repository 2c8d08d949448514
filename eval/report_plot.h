// Scatter plots and lines of panels as inline SVG, and the axes that all charts of the page share.
// Not here: training curves and distributions (report_page_charts.cpp).
#pragma once

#include <string>
#include <vector>

#include "eval/report.h"

namespace linvox {

/// The drawing area of a chart: user units of an SVG whose view box is 420 wide.
struct PlotFrame {
    double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
    static constexpr double left = 46, top = 8, width = 364, height = 186;
    double x(double value) const { return left + width * (value - x_low) / (x_high - x_low); }
    double y(double value) const { return top + height * (1 - (value - y_low) / (y_high - y_low)); }
};

/// A frame over these values with some space above and below; never empty.
PlotFrame plot_frame(double x_low, double x_high, double y_low, double y_high);

/// Grid, zero line and numbers of both axes.
std::string plot_axes(const PlotFrame& frame, const std::vector<double>& x_ticks);

/// One plot as a figure; "" when it has no point.
std::string plot_html(const ReportInput& input, const ReportPlot& plot);

/// What every model gained or lost on the headline metrics against how far it went from the baseline: one
/// plot a metric, empty unless the report measures kDivergenceMetric.
std::vector<ReportPlot> divergence_plots(const Report& report);

}  // namespace linvox

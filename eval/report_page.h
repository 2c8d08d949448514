// index.html and its parts as text. Everything is escaped; nothing refers to the network or to a file.
#pragma once

#include <filesystem>
#include <string>

#include "eval/report.h"

namespace linvox {

/// The whole page. Audio and pictures named by the report are read from `directory` and embedded when
/// report.input.media.embed is set; otherwise the page refers to them there.
std::string report_page(const Report& report, const std::filesystem::path& directory);

// Its parts, each an HTML fragment.
std::string page_header(const Report& report);
std::string page_summary(const Report& report);        // one card a headline metric, with whiskers
std::string page_comparisons(const Report& report);    // forest plot of paired differences
std::string page_distributions(const Report& report);  // item values of each system
std::string page_curves(const Report& report);         // training curves
std::string page_divergence(const Report& report);    // metrics against KL to the baseline
std::string page_panels(const Report& report);         // pairs, codec, ...
std::string page_items(const Report& report);          // frame of the item browser; the script fills it
std::string page_method(const Report& report);         // all numbers, metric definitions, statistics

/// What the item browser shows, as JSON (see report_page_data.cpp for its keys).
std::string page_data(const Report& report, const std::filesystem::path& directory);

const char* page_style();
const char* page_script();

}  // namespace linvox

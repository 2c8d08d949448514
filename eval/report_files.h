// The text files beside index.html, as strings.
#pragma once

#include <string>

#include "eval/report.h"

namespace linvox {

/// system,item,metric,profile,value,status,reason,sum,count: one line a value, nothing left out.
std::string utterances_csv(const Report& report);
/// One line an answer, one column a metric; failed values are empty. The transcript's column holds the
/// response in reports of written answers.
std::string utterances_wide_csv(const Report& report);
/// One line a system and metric.
std::string summary_csv(const Report& report);
/// Tables of the headline metrics and comparisons.
std::string summary_markdown(const Report& report);

}  // namespace linvox

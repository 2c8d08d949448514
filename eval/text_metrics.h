// Metrics of written answers, one row each, as eval/metric.h has them for speech. What is compared is one
// answer; the statistics over answers are those of statistics.h and report.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metric.h"

namespace linvox {

/// How a system scores one test pair: nats of the preferred and a rejected answer under it and under the
/// start model.
struct PairLogprobs {
    double chosen = 0, rejected = 0, start_chosen = 0, start_rejected = 0;
    std::int64_t chosen_tokens = 0, rejected_tokens = 0;
    std::string label = {};  // of the span that is scored; "" the whole answer
};

/// One answer of one system.
struct TextAnswer {
    std::string text;
    std::vector<std::int32_t> tokens;  // of the answer, end token included
    std::string finish;                // "stop", "length"; "" when it was not sampled
    std::string gold;        // the final answer wanted, or the right transcript; "" where the task has none
    double logprob_sum = 0;  // of the tokens, under the model that gave them
    double reference_logprob_sum = 0;  // the same under the start model
    std::vector<PairLogprobs> pairs;   // of the prompt's test pairs; empty where the task has none
    bool is_start = false;  // the start model itself: rewards are differences to it and do not apply
};

struct TextMetric {
    std::string_view id, label, unit;
    Better better = Better::none;
    std::string_view task;  // "math", "text", "asr" or "" for all
    bool headline = false;
    std::string_view doc;
    MetricValue (*score)(const TextAnswer&) = nullptr;
    bool proportion = false;  // every item is 0 or 1: Wilson's interval, McNemar's test
};

/// THE table, in report order.
std::span<const TextMetric> text_metrics();
/// Its rows that a task has.
std::vector<const TextMetric*> text_metrics_of(std::string_view task);

}  // namespace linvox

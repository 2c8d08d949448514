// THE table of metrics of written answers.
#include "eval/text_metrics.h"

#include <array>
#include <set>

#include "eval/edit_rate.h"
#include "src/base/text.h"
#include "src/text/math_answer.h"

namespace linvox {
namespace {

MetricValue is_right_by(const TextAnswer& answer, AnswerFilter filter) {
    if (answer.gold.empty()) return metric_null("not_applicable");
    return metric_value(is_right(answer.text, answer.gold, filter) ? 1 : 0, 1);
}

MetricValue score_numeric(const TextAnswer& a) { return is_right_by(a, AnswerFilter::numeric); }
MetricValue score_strict(const TextAnswer& a) { return is_right_by(a, AnswerFilter::strict); }
MetricValue score_flexible(const TextAnswer& a) { return is_right_by(a, AnswerFilter::flexible); }

MetricValue score_steps(const TextAnswer& a) {
    return metric_value(wrong_equations(a.text).empty() ? 1 : 0, 1);
}

/// Edits between the words of the answer and of the gold answer.
MetricValue score_word_errors(const TextAnswer& a) {
    if (a.gold.empty()) return metric_null("not_applicable");
    const EditCounts edits = word_edits(a.gold, a.text);
    return metric_value(100.0 * static_cast<double>(edits.errors()),
                        static_cast<double>(edits.reference_length()));
}

MetricValue score_stopped(const TextAnswer& a) {
    if (a.finish.empty()) return metric_null("not_applicable");
    return metric_value(a.finish == "stop" ? 1 : 0, 1);
}

MetricValue score_length(const TextAnswer& a) {
    return metric_value(static_cast<double>(a.tokens.size()), 1);
}

/// KL(model || start) estimated on the model's own answer: mean of log-ratios of its tokens.
MetricValue score_kl(const TextAnswer& a) {
    if (a.finish.empty()) return metric_null("not_applicable");
    return metric_value(a.logprob_sum - a.reference_logprob_sum, 1);
}

/// The mean of a value over the test pairs of a prompt.
template <typename Value>
MetricValue over_pairs(const TextAnswer& a, bool needs_reward, const Value& value) {
    if (a.pairs.empty() || (needs_reward && a.is_start)) return metric_null("not_applicable");
    double sum = 0;
    for (const PairLogprobs& pair : a.pairs) sum += value(pair);
    return metric_value(sum, static_cast<double>(a.pairs.size()));
}

double reward_margin(const PairLogprobs& p) {
    return (p.chosen - p.start_chosen) - (p.rejected - p.start_rejected);
}

/// 1 for more, 1/2 for equal.
double preferred(double chosen, double rejected) {
    return chosen > rejected ? 1 : chosen < rejected ? 0 : 0.5;
}

MetricValue score_ranking(const TextAnswer& a) {
    return over_pairs(a, false, [](const PairLogprobs& p) {
        return preferred(p.chosen / static_cast<double>(p.chosen_tokens),
                         p.rejected / static_cast<double>(p.rejected_tokens));
    });
}

MetricValue score_reward_accuracy(const TextAnswer& a) {
    return over_pairs(a, true, [](const PairLogprobs& p) { return preferred(reward_margin(p), 0); });
}

MetricValue score_reward_margin(const TextAnswer& a) { return over_pairs(a, true, reward_margin); }

/// Nats per token of the preferred answer.
MetricValue score_chosen_loss(const TextAnswer& a) {
    if (a.pairs.empty()) return metric_null("not_applicable");
    return metric_value(-a.pairs.front().chosen, static_cast<double>(a.pairs.front().chosen_tokens));
}

/// Distinct n-grams / n-grams of the words of one answer.
template <std::size_t N>
MetricValue score_distinct(const TextAnswer& a) {
    const std::vector<std::string> words = split_words(to_lower(a.text));
    std::set<std::vector<std::string>> seen;
    if (words.size() < N) return metric_null("not_applicable");
    for (std::size_t i = 0; i + N <= words.size(); ++i)
        seen.insert({words.begin() + static_cast<std::ptrdiff_t>(i),
                     words.begin() + static_cast<std::ptrdiff_t>(i + N)});
    return metric_value(static_cast<double>(seen.size()), static_cast<double>(words.size() - N + 1));
}

/// Share of words that stand in a 4-gram which occurred before in the same answer.
MetricValue score_repetition(const TextAnswer& a) {
    constexpr std::size_t kGram = 4;
    const std::vector<std::string> words = split_words(to_lower(a.text));
    if (words.size() < kGram) return metric_null("not_applicable");
    std::set<std::vector<std::string>> seen;
    double repeated = 0;
    for (std::size_t i = 0; i + kGram <= words.size(); ++i)
        repeated += !seen.insert({words.begin() + static_cast<std::ptrdiff_t>(i),
                                  words.begin() + static_cast<std::ptrdiff_t>(i + kGram)})
                         .second;
    return metric_value(100 * repeated, static_cast<double>(words.size() - kGram + 1));
}

const std::array kTextMetrics{
    TextMetric{"em.numeric", "exact match", "", Better::up, "math", true,
               "1 if the final value (behind ####, in \\boxed{}, behind 'answer is', else the last number) "
               "equals the gold "
               "value as a rational number.",
               score_numeric, true},
    TextMetric{"em.strict", "exact match, marked answers", "", Better::up, "math", false,
               "The same, with answers behind #### or in \\boxed{} only.", score_strict, true},
    TextMetric{"em.flexible", "exact match, last number", "", Better::up, "math", false,
               "1 if the last number of the text, without commas, equals the gold answer as written.",
               score_flexible, true},
    TextMetric{"math.steps", "all steps hold", "", Better::up, "math", false,
               "1 if every written equation a op b = c is true.", score_steps, true},
    TextMetric{"asr.per", "unit error rate", "%", Better::down, "asr", true,
               "Substituted, deleted and inserted text units (phones, letters) over the units of the right "
               "transcript.",
               score_word_errors},
    TextMetric{"pref.ranking", "pairs ranked right", "", Better::up, "text", true,
               "Share of a prompt's held-out pairs whose preferred answer has the larger mean "
               "log-probability per token "
               "(1/2 for equal ones).",
               score_ranking},
    TextMetric{
        "pref.reward_acc", "implicit reward accuracy", "", Better::up, "text", false,
        "Share of held-out pairs with a positive implicit reward margin; not defined for the start model.",
        score_reward_accuracy},
    TextMetric{"pref.margin", "implicit reward margin", "nats", Better::up, "text", false,
               "Log-ratio of the preferred answer to the start model minus that of the rejected one, in sums "
               "over tokens.",
               score_reward_margin},
    TextMetric{"pref.loss", "loss on preferred answers", "nats", Better::down, "text", true,
               "Negative log-probability of the held-out preferred answers per token; perplexity is its "
               "exponential.",
               score_chosen_loss},
    TextMetric{"text.distinct1", "distinct words", "", Better::up, "text", false, "Distinct words / words.",
               score_distinct<1>},
    TextMetric{"text.distinct2", "distinct word pairs", "", Better::up, "text", true,
               "Distinct word bigrams / bigrams.", score_distinct<2>},
    TextMetric{"text.repeats", "repeated 4-grams", "%", Better::down, "text", true,
               "Word 4-grams that occurred before in the same answer.", score_repetition},
    TextMetric{"text.stop", "finished by itself", "", Better::up, "", false,
               "1 if generation ended with the end token, 0 if it was cut.", score_stopped, true},
    TextMetric{"text.tokens", "length", "tokens", Better::none, "", false,
               "Tokens of the answer, end token included.", score_length},
    TextMetric{
        "text.kl", "KL to the start model", "nats", Better::none, "", false,
        "Mean over answers of log p(answer) under the model minus under the start model, on the model's own "
        "answers: an estimate of the KL divergence when they are sampled at temperature 1.",
        score_kl},
};

}  // namespace

std::span<const TextMetric> text_metrics() { return kTextMetrics; }

std::vector<const TextMetric*> text_metrics_of(std::string_view task) {
    std::vector<const TextMetric*> rows;
    for (const TextMetric& row : kTextMetrics)
        if (row.task.empty() || row.task == task) rows.push_back(&row);
    return rows;
}

}  // namespace linvox

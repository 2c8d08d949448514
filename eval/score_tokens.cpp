#include "eval/edit_rate.h"
#include "eval/metric_scores.h"
#include "eval/token_loops.h"
#include "src/text/error_rate_normalise.h"

namespace linvox {
namespace {

constexpr std::size_t kShortestAnswer = 4;  // frames

MetricValue error_rate(const EditCounts& edits) {
    std::map<std::string, double> extra{{"substitutions", static_cast<double>(edits.substitutions)},
                                        {"deletions", static_cast<double>(edits.deletions)},
                                        {"insertions", static_cast<double>(edits.insertions)},
                                        {"length", static_cast<double>(edits.reference_length())}};
    const double errors = static_cast<double>(edits.errors());
    if (edits.reference_length() > 0)
        return metric_value(100 * errors, static_cast<double>(edits.reference_length()), std::move(extra));
    return {100 * errors, 0, "ref_empty", std::move(extra)};
}

MetricValue error_rate(const Utterance& u, std::string_view normaliser,
                       EditCounts (*edits)(std::string_view, std::string_view)) {
    return error_rate(
        edits(error_rate_normalise(u.text, normaliser), error_rate_normalise(*u.transcript, normaliser)));
}

double token_count(const Utterance& u) { return static_cast<double>(u.tokens->codes.size()); }

MetricValue distinct(const Utterance& u, int n) {
    const auto share = distinct_ngrams(u.tokens->codes, n);
    return share ? metric_value(*share, 1) : metric_null("too_short");
}

MetricValue repeats(const Utterance& u, int window) {
    const auto share = repeated_share(u.tokens->codes, window);
    return share ? metric_value(100 * *share * token_count(u), token_count(u)) : metric_null("too_short");
}

}  // namespace

MetricValue score_wer_linvox(const Utterance& u) { return error_rate(u, "linvox", word_edits); }
MetricValue score_cer_linvox(const Utterance& u) { return error_rate(u, "linvox", character_edits); }
MetricValue score_wer_seedtts(const Utterance& u) { return error_rate(u, "seedtts_en", word_edits); }

MetricValue score_finish(const Utterance& u) {
    const bool good = u.tokens->finish == "stop" && u.tokens->codes.size() >= kShortestAnswer;
    return metric_value(good ? 1 : 0, 1, {{"tokens", token_count(u)}});
}

MetricValue score_run(const Utterance& u) {
    if (u.tokens->codes.empty()) return metric_null("too_short");
    return metric_value(static_cast<double>(longest_run(u.tokens->codes)) / u.tokens->frames_per_second, 1);
}

MetricValue score_loop(const Utterance& u) {
    if (u.tokens->codes.empty()) return metric_null("too_short");
    const TokenLoop loop = token_loop(u.tokens->codes, u.tokens->frames_per_second);
    return metric_value(static_cast<double>(loop.copies), 1,
                        {{"period", static_cast<double>(loop.period)},
                         {"stretch", static_cast<double>(loop.stretch)},
                         {"begin", static_cast<double>(loop.begin)},
                         {"flagged", loop.flagged ? 1.0 : 0.0}});
}

MetricValue score_token_rate(const Utterance& u) {
    if (u.tokens->text_units <= 0 || u.tokens->expected_per_unit <= 0) return metric_null("not_applicable");
    if (u.tokens->codes.empty()) return metric_null("too_short");
    const auto tokens = static_cast<std::int64_t>(u.tokens->codes.size());
    const auto rate = token_rate(tokens, u.tokens->text_units, u.tokens->expected_per_unit);
    return rate ? metric_value(*rate, 1) : metric_null("not_applicable");
}

MetricValue score_repeats10(const Utterance& u) { return repeats(u, 10); }
MetricValue score_repeats64(const Utterance& u) { return repeats(u, 64); }
MetricValue score_distinct1(const Utterance& u) { return distinct(u, 1); }
MetricValue score_distinct2(const Utterance& u) { return distinct(u, 2); }
MetricValue score_distinct3(const Utterance& u) { return distinct(u, 3); }
MetricValue score_distinct4(const Utterance& u) { return distinct(u, 4); }

MetricValue score_silent_tokens(const Utterance& u) {
    const auto& ids = u.tokens->silence_codes;
    if (ids.empty()) return metric_null("not_applicable");
    const auto result = token_silence(u.tokens->codes, {ids.begin(), ids.end()});
    if (!result) return metric_null("too_short");
    return metric_value(100 * result->share * token_count(u), token_count(u),
                        {{"longest", static_cast<double>(result->longest)},
                         {"head", static_cast<double>(result->head)},
                         {"tail", static_cast<double>(result->tail)}});
}

MetricValue score_token_edit(const Utterance& u) {
    if (u.tokens->reference_codes.empty()) return metric_null("not_applicable");
    return metric_value(token_edit(u.tokens->reference_codes, u.tokens->codes), 1);
}

}  // namespace linvox

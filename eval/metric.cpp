// Scoring rows of the table in metrics.cpp; the rows themselves stand there.
#include "eval/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "eval/utterance.h"
#include "src/base/error.h"
#include "src/base/parallel.h"
#include "src/base/text.h"

namespace linvox {
namespace {

constexpr std::array<std::string_view, 14> kReasons{
    "missing_file",    "decode_error", "non_finite",     "too_short",       "too_long",
    "silent",          "no_voiced",    "ref_empty",      "length_mismatch", "backend_missing",
    "external_failed", "timeout",      "not_applicable", "too_few"};

constexpr std::array<std::string_view, 4> kBetterNames{"down", "up", "near_one", "none"};

/// Why the row cannot be scored on this utterance; "" when it can.
std::string missing_need(const Metric& metric, const Utterance& u) {
    if (metric.needs & needs_text && u.text.empty()) return "ref_empty";
    if (metric.needs & needs_tokens && !u.tokens) return "not_applicable";
    if (metric.needs & needs_transcript && !u.transcript) {
        if (!u.transcript_reason.empty()) return u.transcript_reason;
        return u.audio ? "not_applicable" : "missing_file";
    }
    const bool needs_audio = metric.needs & (needs_wave | needs_reference | needs_synchronous);
    if (!needs_audio) return "";
    if (metric.needs & (needs_reference | needs_synchronous)) {
        if (!u.reference || u.reference == u.audio) return "not_applicable";
        if (metric.needs & needs_synchronous && !u.synchronous) return "not_applicable";
    }
    if (!u.audio) return "missing_file";
    if (std::string problem = u.audio->problem(); !problem.empty()) return problem;
    // A broken recording is the data's fault, yet the pair cannot be scored: the same word, counted as
    // failed.
    if (metric.needs & (needs_reference | needs_synchronous)) return u.reference->problem();
    return "";
}

/// Utterances that share a reference, so that its features are computed once and by one thread.
std::vector<std::vector<std::size_t>> group_by_reference(std::span<const Utterance> utterances) {
    std::vector<std::vector<std::size_t>> groups;
    std::unordered_map<const Recording*, std::size_t> group_of;
    for (std::size_t i = 0; i < utterances.size(); ++i) {
        const Recording* reference = utterances[i].reference.get();
        if (!reference) {
            groups.push_back({i});
            continue;
        }
        const auto [found, is_new] = group_of.try_emplace(reference, groups.size());
        if (is_new) groups.emplace_back();
        groups[found->second].push_back(i);
    }
    return groups;
}

}  // namespace

MetricValue metric_value(double sum, double count, std::map<std::string, double> extra) {
    if (!std::isfinite(sum) || !std::isfinite(count)) return metric_null("non_finite");
    if (count <= 0) return metric_null("too_few");
    MetricValue value{sum, count, "", {}};
    for (auto& [name, number] : extra)
        if (std::isfinite(number)) value.extra.emplace(name, number);
    return value;
}

MetricValue metric_null(std::string reason) {
    LINVOX_ASSERT(std::find(kReasons.begin(), kReasons.end(), reason) != kReasons.end(),
                  "'{}' is not a reason of a null value", reason);
    return {0, 0, std::move(reason), {}};
}

std::span<const std::string_view> metric_reasons() { return kReasons; }

std::string_view better_name(Better better) { return kBetterNames[static_cast<std::size_t>(better)]; }

Better better_from_name(std::string_view name) {
    const auto found = std::find(kBetterNames.begin(), kBetterNames.end(), name);
    LINVOX_REQUIRE(found != kBetterNames.end(), DataError, "'{}' is not one of down, up, near_one, none",
                   name);
    return static_cast<Better>(found - kBetterNames.begin());
}

const Metric& find_metric(std::string_view id) {
    const std::string name(id);
    return *find_metrics({&name, 1}).front();
}

std::vector<const Metric*> find_metrics(std::span<const std::string> ids) {
    std::vector<std::string> known, problems;
    for (const Metric& row : metrics()) known.emplace_back(row.id);
    for (const std::string& id : ids) {
        if (std::find(known.begin(), known.end(), id) != known.end()) continue;
        const std::string near = nearest_name(id, known);
        problems.push_back(
            fmt::format("'{}'{}", id, near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near)));
    }
    LINVOX_REQUIRE(problems.empty(), UserError, "no such metric: {}; `linvox metrics` lists them all",
                   join(problems, ", "));
    std::vector<const Metric*> rows;
    for (const Metric& row : metrics())
        if (std::find(ids.begin(), ids.end(), row.id) != ids.end()) rows.push_back(&row);
    return rows;
}

MetricValue score_metric(const Metric& metric, const Utterance& utterance) {
    if (std::string reason = missing_need(metric, utterance); !reason.empty()) {
        // Words heard where nothing was to be said: no item value, but errors of the corpus.
        if (reason == "ref_empty" && utterance.transcript) return metric.score(utterance);
        return metric_null(std::move(reason));
    }
    try {
        return metric.score(utterance);
    } catch (const DataError&) {
        return metric_null("decode_error");
    }
}

std::vector<std::vector<MetricValue>> evaluate(std::span<const Utterance> utterances,
                                               std::span<const Metric* const> rows, int threads) {
    std::vector<std::vector<MetricValue>> values(utterances.size());
    const auto groups = group_by_reference(utterances);
    parallel_for(
        groups.size(),
        [&](std::size_t g) {
            for (std::size_t i : groups[g]) {
                for (const Metric* row : rows) values[i].push_back(score_metric(*row, utterances[i]));
                if (utterances[i].audio && utterances[i].audio != utterances[i].reference)
                    utterances[i].audio->clear();
            }
            if (const auto& reference = utterances[groups[g].front()].reference) reference->clear();
        },
        threads);
    return values;
}

}  // namespace linvox

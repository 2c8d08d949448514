#include "src/data/pair_balance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace linvox {
namespace {

double mean_over_rejected(const PreferenceRecord& record,
                          const std::function<double(const TokenSequence&, const TokenSequence&)>& of) {
    double sum = 0;
    for (const Candidate& rejected : record.rejected) sum += of(record.chosen.answer, rejected.answer);
    return record.rejected.empty() ? 0.0 : sum / static_cast<double>(record.rejected.size());
}

double scored_tokens(const TokenSequence& answer) {
    return static_cast<double>(std::max<std::int64_t>(answer.scored_count(), 1));
}

/// Share of scored tokens whose left neighbour is scored too and equal.
double repeat_share(const TokenSequence& answer) {
    std::int64_t repeats = 0;
    std::size_t next = 0;
    bool scored_before = false;
    for (std::int32_t at = 0; at < static_cast<std::int32_t>(answer.ids.size()); ++at) {
        while (next < answer.given.size() && answer.given[next].end <= at) ++next;
        const bool scored = next == answer.given.size() || at < answer.given[next].begin;
        const auto i = static_cast<std::size_t>(at);
        repeats += scored && scored_before && answer.ids[i] == answer.ids[i - 1];
        scored_before = scored;
    }
    return static_cast<double>(repeats) / scored_tokens(answer);
}

double length_difference(const TokenSequence& chosen, const TokenSequence& rejected) {
    return std::log(scored_tokens(chosen) / scored_tokens(rejected));
}
double repeat_difference(const TokenSequence& chosen, const TokenSequence& rejected) {
    return repeat_share(chosen) - repeat_share(rejected);
}

using Columns = std::vector<std::vector<double>>;  // per property, per record

/// Differences in units of their root mean square; properties that never differ are left out.
Columns standardised(const std::vector<PreferenceRecord>& records,
                     const std::vector<std::string>& properties) {
    Columns columns;
    for (const PairProperty& property : pair_properties()) {
        if (std::find(properties.begin(), properties.end(), property.name) == properties.end()) continue;
        std::vector<double> column;
        double squares = 0;
        for (const PreferenceRecord& record : records) {
            column.push_back(property.difference(record));
            squares += column.back() * column.back();
        }
        if (squares == 0) continue;
        const double scale = std::sqrt(squares / static_cast<double>(records.size()));
        for (double& value : column) value /= scale;
        columns.push_back(std::move(column));
    }
    return columns;
}

/// Squared length of the sums without record `left_out`.
double distance_without(const Columns& columns, const std::vector<double>& sums, std::size_t left_out) {
    double distance = 0;
    for (std::size_t k = 0; k < columns.size(); ++k) {
        const double rest = sums[k] - columns[k][left_out];
        distance += rest * rest;
    }
    return distance;
}

}  // namespace

const std::vector<PairProperty>& pair_properties() {
    static const std::vector<PairProperty> all = {
        {"length", "ln of chosen over rejected length",
         [](const PreferenceRecord& record) { return mean_over_rejected(record, length_difference); }},
        {"repeats", "repeated tokens, chosen less rejected share",
         [](const PreferenceRecord& record) { return mean_over_rejected(record, repeat_difference); }},
    };
    return all;
}

Choices pair_property_names() {
    Choices names;
    for (const PairProperty& property : pair_properties()) names.push_back(property.name);
    return names;
}

Imbalance imbalance_of(const std::vector<PreferenceRecord>& records, const PairProperty& property) {
    const auto count = static_cast<double>(records.size());
    if (records.size() < 2) return {};
    double sum = 0, squares = 0;
    for (const PreferenceRecord& record : records) {
        const double value = property.difference(record);
        sum += value;
        squares += value * value;
    }
    const double mean = sum / count;
    const double variance = std::max(0.0, (squares - count * mean * mean) / (count - 1));
    return {mean, std::sqrt(variance / count)};
}

std::vector<std::size_t> unbalancing_records(const std::vector<PreferenceRecord>& records,
                                             const std::vector<std::string>& properties) {
    constexpr double kNearEnough = 0.1;  // standard errors
    const Columns columns = standardised(records, properties);
    std::vector<double> sums;
    for (const auto& column : columns) {
        double sum = 0;
        for (const double value : column) sum += value;
        sums.push_back(sum);
    }
    std::vector<bool> out(records.size(), false);
    std::vector<std::size_t> dropped;
    const auto far_off = [&] {
        const double limit = kNearEnough * std::sqrt(static_cast<double>(records.size() - dropped.size()));
        return std::any_of(sums.begin(), sums.end(), [&](double sum) { return std::abs(sum) > limit; });
    };
    while (2 * (dropped.size() + 1) <= records.size() && far_off()) {
        std::size_t best = records.size();
        double nearest = std::numeric_limits<double>::infinity();
        for (std::size_t i = 0; i < records.size(); ++i) {
            if (out[i]) continue;
            const double distance = distance_without(columns, sums, i);
            if (distance < nearest) {
                nearest = distance;
                best = i;
            }
        }
        for (std::size_t k = 0; k < columns.size(); ++k) sums[k] -= columns[k][best];
        out[best] = true;
        dropped.push_back(best);
    }
    std::sort(dropped.begin(), dropped.end());
    return dropped;
}

}  // namespace linvox

#include "src/data/pair_ranking.h"

#include <algorithm>
#include <cmath>

namespace linvox {
namespace {

/// a dominates b: nowhere worse, somewhere better.
bool dominates(const std::vector<double>& a, const std::vector<double>& b) {
    bool better = false;
    for (std::size_t m = 0; m < a.size(); ++m) {
        if (a[m] < b[m]) return false;
        better = better || a[m] > b[m];
    }
    return better;
}

std::vector<std::vector<double>> score_table(const CandidateRecord& group, const std::vector<int>& among,
                                             const std::vector<PairMetric>& metrics) {
    std::vector<std::vector<double>> values;
    for (const int i : among)
        values.push_back(*turned_scores(group.candidates[static_cast<std::size_t>(i)], metrics));
    return values;
}

std::vector<double> rank_weights(const std::vector<PairMetric>& metrics) {
    std::vector<double> weights;
    for (const PairMetric& metric : metrics) weights.push_back(metric.weight);
    return weights;
}

std::vector<double> costs(const std::vector<std::vector<double>>& values, const PairConfig& config) {
    if (config.rule == "rank_sum") return rank_sums(values, rank_weights(config.metrics));
    if (config.rule == "correct") {
        std::vector<double> cost;
        for (const auto& row : values) cost.push_back(row[0] == 1.0 ? 0.0 : 1.0);
        return cost;
    }
    const std::vector<int> fronts = pareto_fronts(values);
    return {fronts.begin(), fronts.end()};
}

std::vector<Ranked> by_index(const std::vector<int>& among) {
    std::vector<Ranked> ranked;
    for (const int i : among) ranked.push_back({i, 0.0});
    return ranked;
}

/// Ascending cost, ties by the first metric (best first), then by index.
std::vector<Ranked> order_best_first(const std::vector<int>& among,
                                     const std::vector<std::vector<double>>& values,
                                     const std::vector<double>& cost) {
    std::vector<std::size_t> order(among.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return cost[a] != cost[b] ? cost[a] < cost[b] : values[a][0] > values[b][0];
    });
    std::vector<Ranked> ranked;
    for (const std::size_t i : order) ranked.push_back({among[i], cost[i]});
    return ranked;
}

std::size_t quantile_size(std::size_t count, const PairConfig& config) {
    return std::max<std::size_t>(
        1, static_cast<std::size_t>(std::floor(config.quantile * static_cast<double>(count))));
}

}  // namespace

double direction_sign(const PairMetric& metric) {
    const std::string better = metric.better == "known" ? known_direction(metric.name) : metric.better;
    return better == "higher" ? 1.0 : -1.0;
}

std::optional<std::vector<double>> turned_scores(const Candidate& candidate,
                                                 const std::vector<PairMetric>& metrics) {
    std::vector<double> values;
    for (const PairMetric& metric : metrics) {
        const auto found = candidate.scores.find(metric.name);
        if (found == candidate.scores.end() || !found->second) return std::nullopt;
        values.push_back(direction_sign(metric) * *found->second);
    }
    return values;
}

std::vector<Ranked> best_candidates(const CandidateRecord& group, const std::vector<int>& among,
                                    const PairConfig& config) {
    if (config.unscored) return by_index(among);
    const auto values = score_table(group, among, config.metrics);
    std::vector<Ranked> ranked = order_best_first(among, values, costs(values, config));
    if (config.rule == "rank_sum")
        ranked.resize(std::min(ranked.size(), quantile_size(among.size(), config)));
    else  // the first front, or the right answers
        std::erase_if(ranked, [](const Ranked& r) { return r.cost != 0.0; });
    return ranked;
}

std::vector<Ranked> worst_candidates(const CandidateRecord& group, const std::vector<int>& among,
                                     const PairConfig& config) {
    if (config.unscored) return by_index(among);
    const auto values = score_table(group, among, config.metrics);
    std::vector<Ranked> ranked = order_best_first(among, values, costs(values, config));
    std::reverse(ranked.begin(), ranked.end());
    if (config.rule == "rank_sum")
        ranked.resize(std::min(ranked.size(), quantile_size(among.size(), config)));
    if (config.rule == "correct") std::erase_if(ranked, [](const Ranked& r) { return r.cost == 0.0; });
    return ranked;
}

std::vector<int> pareto_fronts(const std::vector<std::vector<double>>& values) {
    std::vector<int> front(values.size(), -1);
    std::size_t assigned = 0;
    for (int level = 0; assigned < values.size(); ++level) {
        std::vector<std::size_t> members;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (front[i] >= 0) continue;
            bool dominated = false;
            for (std::size_t j = 0; j < values.size() && !dominated; ++j)
                dominated = front[j] < 0 && dominates(values[j], values[i]);
            if (!dominated) members.push_back(i);
        }
        for (const std::size_t i : members) front[i] = level;
        assigned += members.size();
    }
    return front;
}

std::vector<double> rank_sums(const std::vector<std::vector<double>>& values,
                              const std::vector<double>& weights) {
    std::vector<double> sums(values.size(), 0.0);
    for (std::size_t m = 0; m < weights.size(); ++m) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            std::size_t better = 0, equal = 0;
            for (const auto& other : values) {
                better += other[m] > values[i][m];
                equal += other[m] == values[i][m];
            }
            // Places better+1 .. better+equal are shared; their mean is the rank.
            sums[i] += weights[m] * (static_cast<double>(better) + (static_cast<double>(equal) + 1.0) / 2.0);
        }
    }
    return sums;
}

std::map<int, double> rank_sums_of(const CandidateRecord& group, const std::vector<int>& among,
                                   const std::vector<PairMetric>& metrics) {
    const std::vector<double> sums = rank_sums(score_table(group, among, metrics), rank_weights(metrics));
    std::map<int, double> by_candidate;
    for (std::size_t i = 0; i < among.size(); ++i) by_candidate[among[i]] = sums[i];
    return by_candidate;
}

}  // namespace linvox

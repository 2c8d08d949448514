// Orders the candidates of one prompt, best first for chosen and worst first for rejected. Which pairs
// are allowed, pairs.h decides.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/data/pairs.h"

namespace linvox {

/// A candidate's place: index into the group, and what it is ordered by (lower is better).
struct Ranked {
    int index = 0;
    double cost = 0.0;
};

/// +1 when higher is better, -1 when lower is.
double direction_sign(const PairMetric& metric);

/// The metrics of a candidate turned so that higher is better; empty when one is missing.
std::optional<std::vector<double>> turned_scores(const Candidate& candidate,
                                                 const std::vector<PairMetric>& metrics);

/// Who may be chosen, best first: the first front (pareto), the best quantile (rank_sum), the right ones
/// (correct). All of them by index when config.unscored.
std::vector<Ranked> best_candidates(const CandidateRecord& group, const std::vector<int>& among,
                                    const PairConfig& config);
/// Who may be rejected, worst first: all fronts from the last (pareto), the worst quantile (rank_sum),
/// the wrong ones (correct).
std::vector<Ranked> worst_candidates(const CandidateRecord& group, const std::vector<int>& among,
                                     const PairConfig& config);

/// Fronts of non-dominated sorting: 0 for the best. values[i][m] is candidate i, metric m, higher better.
std::vector<int> pareto_fronts(const std::vector<std::vector<double>>& values);

/// Weighted sum of ranks per candidate, rank 1 the best, ties share the mean rank.
std::vector<double> rank_sums(const std::vector<std::vector<double>>& values,
                              const std::vector<double>& weights);

/// The same by candidate index.
std::map<int, double> rank_sums_of(const CandidateRecord& group, const std::vector<int>& among,
                                   const std::vector<PairMetric>& metrics);

}  // namespace linvox

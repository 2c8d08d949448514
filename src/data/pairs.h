// Preferred and rejected answers out of scored candidates. Every pair that is not made is counted
// under the rule that forbade it (PairCounts, pair_report.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/config/visitor.h"
#include "src/data/pair_balance.h"
#include "src/data/records.h"

namespace linvox {

/// One metric of the selection. Direction: known metrics have one, others must state it.
struct PairMetric {
    std::string name;
    std::string better = "known";  // lower, higher, known
    double weight = 1.0;           // of its rank (rank_sum)
    double min_gap = 0.0;          // least difference chosen - rejected, in the metric's unit
    bool use_floor = false;
    double floor = 0.0;  // the chosen answer must be at least this good
    void visit(ConfigVisitor& v);
};

struct PerturbConfig {
    std::vector<std::string>
        kinds;                     // repeat, drop, shuffle, cut_tail, insert_silence, substitute; empty: off
    double share = 0.25;           // largest share of all pairs that a perturbation makes
    double span_share = 0.25;      // length of the damaged span, in parts of the answer
    std::int64_t frame_size = 1;   // codes per frame; spans are whole frames
    std::int64_t silence_id = -1;  // for insert_silence
    void visit(ConfigVisitor& v);
};

struct PairConfig {
    std::string rule = "pareto";  // pareto, rank_sum, correct
    std::vector<PairMetric> metrics;
    double quantile = 0.2;        // rank_sum: best and worst share of a group
    std::int64_t per_prompt = 1;  // chosen answers per prompt
    std::int64_t rejected_per_chosen = 1;
    std::string chosen_from = "candidates";  // candidates, reference, either
    std::string rejected_order = "worst";    // worst, nearest
    std::string rejected_scored = "whole";   // whole, to_first_difference
    double reference_share = 1.0;            // share of prompts that take the recording as chosen
    bool unscored = false;                   // reference as chosen without comparing scores
    double max_length_ratio = 0;             // of the longer answer to the shorter; 0: no limit
    std::vector<std::string> balance;        // pair_properties() whose mean must not differ
    bool drop_group = false;                 // one invalid candidate drops its prompt
    std::int64_t max_tokens = 0;             // prompt + answer; longer sides are dropped; 0: no limit
    std::int64_t seed = 0;                   // the recipe's; not a key of its own
    PerturbConfig perturb;
    void visit(ConfigVisitor& v);
};

/// Cross-field rules; ConfigError with all problems at once.
void check(const PairConfig& config);

/// The direction of a known metric ("lower", "higher") or "".
std::string known_direction(const std::string& metric);

/// Why a candidate, a proposed pair or a whole prompt was dropped, in the order of the report.
enum class DropRule {
    too_few_candidates,  // nothing left to pair the chosen answer with
    invalid_in_group,    // drop_group
    missing_score,
    error_finish,
    chosen_not_stopped,
    structure,
    over_long,
    below_floor,
    identical,
    not_better,  // rejected better on a selected metric, or no metric strictly worse
    gap_too_small,
    length_gap,    // max_length_ratio
    no_reference,  // chosen_from = "reference" without a recording
    balance,       // the pair stood in the way of pairs.balance
};
std::string drop_rule_name(DropRule rule);

struct DropCount {
    std::int64_t count = 0;
    std::vector<std::string> examples;  // up to five ids: "utt_7", "utt_7/3" (candidate), "utt_7/0>3" (pair)
};
using DropTable = std::map<DropRule, DropCount>;

/// Where everything went. Three sums hold: read = with_pairs + without, read = eligible + set_aside,
/// proposed = kept + dropped; perturbed pairs are extra.
struct PairCounts {
    std::int64_t prompts_read = 0, prompts_with_pairs = 0;
    DropTable prompts_without;
    std::int64_t candidates_read = 0, candidates_eligible = 0;
    DropTable candidates_set_aside;
    std::int64_t pairs_proposed = 0, pairs_kept = 0;
    DropTable pairs_dropped;
    std::int64_t pairs_perturbed = 0;
};

struct PairResult {
    std::vector<PreferenceRecord> records;
    PairCounts counts;
    /// Of each of pair_properties(), before and after pairs.balance, whole answers, without damaged copies.
    std::vector<std::pair<Imbalance, Imbalance>> imbalance;
};

/// True when the answer has a structure that a chosen answer may have (token_layout.h decides).
using StructureCheck = std::function<bool(const CandidateRecord&, const Candidate&)>;

/// Builds the pairs. Chosen: of the candidates that stopped, the best by the rule first. Rejected: of all
/// eligible ones, the worst first, or with rejected_order = "nearest" the one with the smallest edit distance
/// to the chosen answer. A pair that a rule forbids is counted and the next one proposed, with the next
/// rejected answer, then with the next chosen one. Then pairs.balance leaves some out, and damaged copies are
/// added, which are made one-sided on purpose. `structure` may be empty (no check). Deterministic in
/// config.seed and prompt ids.
PairResult build_pairs(const std::vector<CandidateRecord>& groups, const PairConfig& config,
                       const StructureCheck& structure = {});

/// A damaged copy of an answer that differs from it: repeat, drop, shuffle or cut_tail of codes,
/// insert_silence, or substitute (codes by others of the answer). Damage falls on whole frames of scored
/// runs; given tokens and the last token of a run (boundary or end) stay. Empty when the answer is too short.
std::optional<Candidate> perturb(const Candidate& original, const std::string& kind,
                                 const PerturbConfig& config, std::uint64_t seed);

/// True when the prompt belongs to the held-out part: a hash of its ids, so that one prompt never
/// stands on both sides.
bool is_held_out(const std::vector<std::int32_t>& prompt_ids, double share, std::uint64_t seed);

}  // namespace linvox

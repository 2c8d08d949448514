#include "src/data/pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/base/text.h"
#include "src/data/pair_balance.h"
#include "src/data/pair_ranking.h"
#include "src/data/scored_part.h"

namespace linvox {
namespace {

constexpr std::size_t kMaxExamples = 5;
constexpr std::array kRuleNames = {
    "too_few_candidates", "invalid_in_group", "missing_score", "error_finish", "chosen_not_stopped",
    "structure",          "over_long",        "below_floor",   "identical",    "not_better",
    "gap_too_small",      "length_gap",       "no_reference",  "balance",
};

void count_drop(DropTable& table, DropRule rule, const std::string& example) {
    DropCount& drop = table[rule];
    ++drop.count;
    if (drop.examples.size() < kMaxExamples) drop.examples.push_back(example);
}

/// Scored tokens of the longer answer over those of the shorter.
double length_ratio(const Candidate& a, const Candidate& b) {
    const auto [shorter, longer] = std::minmax({a.answer.scored_count(), b.answer.scored_count()});
    return static_cast<double>(longer) / static_cast<double>(std::max<std::int64_t>(shorter, 1));
}

/// Levenshtein's distance of two answers, in tokens.
std::int64_t token_edits(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    std::vector<std::int64_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<std::int64_t>(j);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::int64_t diagonal = std::exchange(row[0], static_cast<std::int64_t>(i) + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::int64_t substituted = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// 0 to 1 out of a seed, a purpose and a prompt: a draw that no other prompt changes.
double prompt_draw(std::int64_t seed, const char* purpose, const std::string& id) {
    return Rng(mix_seed(static_cast<std::uint64_t>(seed), purpose, id)).uniform();
}

/// One prompt on its way through the rules. Candidate -1 is the reference.
class PromptPairs {
public:
    PromptPairs(const CandidateRecord& group, const PairConfig& config, const StructureCheck& structure,
                PairCounts& counts)
        : group_(group), config_(config), structure_(structure), counts_(counts) {}

    /// Records of this prompt; empty with `why_none` set when there is none.
    std::vector<PreferenceRecord> build(DropRule& why_none) {
        const bool from_reference =
            config_.chosen_from == "reference" &&
            prompt_draw(config_.seed, "reference", group_.info.id) < config_.reference_share;
        sort_candidates();
        if (config_.drop_group && eligible_.size() < group_.candidates.size()) {
            why_none = DropRule::invalid_in_group;
            return {};
        }
        std::vector<PreferenceRecord> records;
        std::optional<DropRule> blocked = from_reference ? choose_reference() : choose_candidates();
        if (blocked && chosen_.empty() && config_.chosen_from == "either") blocked = choose_reference();
        if (blocked) {
            why_none = *blocked;
            return records;
        }
        for (const Ranked& chosen : chosen_) {
            if (static_cast<std::int64_t>(records.size()) == config_.per_prompt) break;
            // Samples of a sure model are often equal: the same pair twice would only weigh double.
            const auto same = [&](const PreferenceRecord& r) {
                return r.chosen.answer.ids == answer(chosen.index).answer.ids;
            };
            if (std::any_of(records.begin(), records.end(), same)) continue;
            std::optional<PreferenceRecord> record = pair_with_rejected(chosen, records.size());
            if (record) records.push_back(std::move(*record));
        }
        if (records.empty()) why_none = most_frequent_rule();
        return records;
    }

    /// The best answer for a perturbation: chosen, or nothing.
    const Candidate* best() const { return chosen_.empty() ? nullptr : &answer(chosen_.front().index); }

private:
    const Candidate& answer(int index) const {
        return index < 0 ? *group_.reference : group_.candidates[static_cast<std::size_t>(index)];
    }

    std::optional<DropRule> invalid(const Candidate& candidate) const {
        if (candidate.finish == Finish::error) return DropRule::error_finish;
        if (!config_.unscored && !turned_scores(candidate, config_.metrics)) return DropRule::missing_score;
        if (structure_ && !structure_(group_, candidate)) return DropRule::structure;
        const std::size_t tokens = group_.info.prompt_ids.size() + candidate.answer.ids.size();
        if (config_.max_tokens > 0 && tokens > static_cast<std::size_t>(config_.max_tokens))
            return DropRule::over_long;
        return std::nullopt;
    }

    void sort_candidates() {
        for (int i = 0; i < static_cast<int>(group_.candidates.size()); ++i) {
            ++counts_.candidates_read;
            if (const auto rule = invalid(answer(i))) {
                count_drop(counts_.candidates_set_aside, *rule, fmt::format("{}/{}", group_.info.id, i));
                first_invalid_ = first_invalid_.value_or(*rule);
            } else {
                ++counts_.candidates_eligible;
                eligible_.push_back(i);
            }
        }
    }

    bool above_floor(const Candidate& candidate) const {
        const auto scores = turned_scores(candidate, config_.metrics);
        for (std::size_t m = 0; m < config_.metrics.size(); ++m)
            if (config_.metrics[m].use_floor &&
                (!scores || (*scores)[m] < direction_sign(config_.metrics[m]) * config_.metrics[m].floor))
                return false;
        return true;
    }

    std::optional<DropRule> choose_reference() {
        if (!group_.reference) return DropRule::no_reference;
        if (const auto rule = invalid(*group_.reference)) return rule;
        if (group_.reference->finish != Finish::stop) return DropRule::chosen_not_stopped;
        if (!above_floor(*group_.reference)) return DropRule::below_floor;
        chosen_ = {{-1, 0.0}};
        return eligible_.empty() ? std::optional(first_invalid_.value_or(DropRule::too_few_candidates))
                                 : std::nullopt;
    }

    std::optional<DropRule> choose_candidates() {
        if (eligible_.empty()) return first_invalid_.value_or(DropRule::too_few_candidates);
        std::vector<int> stopped;
        for (const int i : eligible_)
            if (answer(i).finish == Finish::stop) stopped.push_back(i);
        if (stopped.empty()) return DropRule::chosen_not_stopped;
        const std::vector<Ranked> best = best_candidates(group_, stopped, config_);
        for (const Ranked& ranked : best)
            if (above_floor(answer(ranked.index))) chosen_.push_back(ranked);
        if (chosen_.empty()) return best.empty() ? DropRule::not_better : DropRule::below_floor;
        return eligible_.size() < 2 ? std::optional(DropRule::too_few_candidates) : std::nullopt;
    }

    /// The rule that forbids `rejected` beside `chosen`.
    std::optional<DropRule> forbidden(const Candidate& chosen, const Candidate& rejected,
                                      const PreferenceRecord& record) const {
        if (chosen.answer.ids == rejected.answer.ids) return DropRule::identical;
        for (const Candidate& other : record.rejected)
            if (other.answer.ids == rejected.answer.ids) return DropRule::identical;
        if (config_.max_length_ratio > 0 && length_ratio(chosen, rejected) > config_.max_length_ratio)
            return DropRule::length_gap;
        if (config_.unscored) return std::nullopt;
        const auto better = *turned_scores(chosen, config_.metrics);
        const auto worse = *turned_scores(rejected, config_.metrics);
        bool strict = false;
        for (std::size_t m = 0; m < better.size(); ++m) {
            if (worse[m] > better[m]) return DropRule::not_better;
            strict = strict || better[m] > worse[m];
        }
        if (!strict) return DropRule::not_better;
        for (std::size_t m = 0; m < better.size(); ++m)
            if (better[m] - worse[m] < config_.metrics[m].min_gap) return DropRule::gap_too_small;
        return std::nullopt;
    }

    std::optional<PreferenceRecord> pair_with_rejected(const Ranked& chosen, std::size_t number) {
        PreferenceRecord record;
        record.info = group_.info;
        record.info.id = fmt::format("{}#{}", group_.info.id, number);
        record.chosen = answer(chosen.index);
        record.why =
            fmt::format("{}{} {}", chosen.index < 0 ? "reference " : "", config_.rule, metric_names());
        for (const Ranked& rejected : rejected_for(record.chosen)) {
            if (static_cast<std::int64_t>(record.rejected.size()) == config_.rejected_per_chosen) break;
            if (rejected.index == chosen.index) continue;
            ++counts_.pairs_proposed;
            const Candidate& candidate = answer(rejected.index);
            if (const auto rule = forbidden(record.chosen, candidate, record)) {
                count_drop(counts_.pairs_dropped, *rule,
                           fmt::format("{}/{}>{}", group_.info.id, chosen.index, rejected.index));
                ++blocked_[*rule];
                continue;
            }
            ++counts_.pairs_kept;
            if (record.rejected.empty()) record.margin = pair_margin(chosen.index, rejected.index);
            record.rejected.push_back(candidate);
        }
        if (record.rejected.empty()) return std::nullopt;
        return record;
    }

    std::vector<Ranked> rejected_for(const Candidate& chosen) const {
        std::vector<Ranked> ranked = worst_candidates(group_, eligible_, config_);
        if (config_.rejected_order == "worst") return ranked;
        for (Ranked& r : ranked)
            r.cost = static_cast<double>(token_edits(chosen.answer.ids, answer(r.index).answer.ids));
        std::stable_sort(ranked.begin(), ranked.end(),
                         [](const Ranked& a, const Ranked& b) { return a.cost < b.cost; });
        return ranked;
    }

    /// Gap of the first metric, or of the rank sums among all eligible candidates.
    std::optional<double> pair_margin(int chosen, int rejected) const {
        if (config_.unscored) return std::nullopt;
        if (config_.rule == "rank_sum" && chosen >= 0) {
            const std::map<int, double> sums = rank_sums_of(group_, eligible_, config_.metrics);
            return sums.at(rejected) - sums.at(chosen);
        }
        return (*turned_scores(answer(chosen), config_.metrics))[0] -
               (*turned_scores(answer(rejected), config_.metrics))[0];
    }

    std::string metric_names() const {
        std::vector<std::string> names;
        for (const PairMetric& metric : config_.metrics) names.push_back(metric.name);
        return names.empty() ? "unscored" : join(names, ",");
    }

    DropRule most_frequent_rule() const {
        std::pair<DropRule, std::int64_t> most{DropRule::too_few_candidates, 0};
        for (const auto& [rule, count] : blocked_)
            if (count > most.second) most = {rule, count};
        return most.first;
    }

    const CandidateRecord& group_;
    const PairConfig& config_;
    const StructureCheck& structure_;
    PairCounts& counts_;
    std::vector<int> eligible_;
    std::vector<Ranked> chosen_;
    std::optional<DropRule> first_invalid_;
    std::map<DropRule, std::int64_t> blocked_;
};

/// A prompt's best answer, kept for perturbation.
struct PerturbSource {
    RecordInfo info;
    Candidate best;
};

void add_perturbed(PairResult& result, std::vector<PerturbSource> sources, const PairConfig& config) {
    if (config.perturb.kinds.empty()) return;
    const double share = config.perturb.share;
    const auto kept = static_cast<double>(result.counts.pairs_kept);
    const std::size_t limit =
        share >= 1.0 ? sources.size() : static_cast<std::size_t>(share / (1.0 - share) * kept + 1e-9);
    std::sort(sources.begin(), sources.end(), [&](const PerturbSource& a, const PerturbSource& b) {
        return std::pair(prompt_draw(config.seed, "perturb", a.info.id), a.info.id) <
               std::pair(prompt_draw(config.seed, "perturb", b.info.id), b.info.id);
    });
    for (PerturbSource& source : sources) {
        const auto made = static_cast<std::size_t>(result.counts.pairs_perturbed);
        if (made == limit) break;
        const std::string& kind = config.perturb.kinds[made % config.perturb.kinds.size()];
        auto rejected = perturb(source.best, kind, config.perturb,
                                mix_seed(static_cast<std::uint64_t>(config.seed), "damage", source.info.id));
        if (!rejected) continue;
        PreferenceRecord record{
            std::move(source.info), std::move(source.best), {std::move(*rejected)}, {}, "perturb " + kind};
        record.info.id += "#" + kind;
        result.records.push_back(std::move(record));
        ++result.counts.pairs_perturbed;
    }
}

/// "utt_7#0" belongs to utt_7.
std::string prompt_of(const PreferenceRecord& record) {
    return record.info.id.substr(0, record.info.id.rfind('#'));
}

/// Leaves out what pairs.balance asks for, and counts it.
void balance(PairResult& result, const std::vector<std::string>& properties) {
    for (const PairProperty& property : pair_properties())
        result.imbalance.push_back({imbalance_of(result.records, property), {}});
    std::map<std::string, std::int64_t> records_of;  // prompt to records left
    for (const PreferenceRecord& record : result.records) ++records_of[prompt_of(record)];
    PairCounts& counts = result.counts;
    const std::vector<std::size_t> dropped = unbalancing_records(result.records, properties);
    for (const std::size_t i : dropped) {
        PreferenceRecord& record = result.records[i];
        for (std::size_t k = 0; k < record.rejected.size(); ++k) {
            count_drop(counts.pairs_dropped, DropRule::balance, record.info.id);
            --counts.pairs_kept;
        }
        if (--records_of[prompt_of(record)] == 0) {
            --counts.prompts_with_pairs;
            count_drop(counts.prompts_without, DropRule::balance, prompt_of(record));
        }
        record.rejected.clear();
    }
    std::erase_if(result.records, [](const PreferenceRecord& record) { return record.rejected.empty(); });
    for (std::size_t i = 0; i < pair_properties().size(); ++i)
        result.imbalance[i].second = imbalance_of(result.records, pair_properties()[i]);
}

void score_to_first_difference(std::vector<PreferenceRecord>& records) {
    for (PreferenceRecord& record : records)
        for (Candidate& rejected : record.rejected)
            rejected.answer = scored_to_first_difference(record.chosen.answer, rejected.answer);
}

}  // namespace

std::string drop_rule_name(DropRule rule) { return kRuleNames.at(static_cast<std::size_t>(rule)); }

PairResult build_pairs(const std::vector<CandidateRecord>& groups, const PairConfig& config,
                       const StructureCheck& structure) {
    check(config);
    PairResult result;
    std::vector<PerturbSource> sources;
    for (const CandidateRecord& group : groups) {
        ++result.counts.prompts_read;
        DropRule why_none = DropRule::too_few_candidates;
        PromptPairs prompt(group, config, structure, result.counts);
        std::vector<PreferenceRecord> records = prompt.build(why_none);
        if (records.empty())
            count_drop(result.counts.prompts_without, why_none, group.info.id);
        else
            ++result.counts.prompts_with_pairs;
        if (!config.perturb.kinds.empty() && prompt.best()) sources.push_back({group.info, *prompt.best()});
        for (PreferenceRecord& record : records) result.records.push_back(std::move(record));
    }
    balance(result, config.balance);
    if (config.rejected_scored == "to_first_difference") score_to_first_difference(result.records);
    add_perturbed(result, std::move(sources), config);
    return result;
}

bool is_held_out(const std::vector<std::int32_t>& prompt_ids, double share, std::uint64_t seed) {
    for (const std::int32_t id : prompt_ids) seed = mix_seed(seed, id);
    return Rng(mix_seed(seed, "held-out")).uniform() < share;
}

}  // namespace linvox

// Rules between the fields of a LossConfig, and between a loss and what a run can give it.
// One line per problem: where, what must hold, what we got, what to do.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/text.h"
#include "src/loss/loss_config.h"
#include "src/loss/loss_table.h"

namespace linvox {
namespace {

using enum LossOption;

/// The rows of a kind; empty when it is unknown.
std::vector<const LossRow*> rows_of(const std::string& kind) {
    std::vector<const LossRow*> rows;
    if (const LossPreset* preset = find_preset(kind)) {
        for (const LossPreset::Term& part : preset->terms) rows.push_back(find_loss(part.row));
    } else if (const LossRow* row = find_loss(kind)) {
        rows.push_back(row);
    }
    return rows;
}

bool takes(const LossRow& row, LossOption option) {
    return std::any_of(row.options.begin(), row.options.end(),
                       [option](const auto& entry) { return entry.first == option; });
}

std::string taken_options(const std::vector<const LossRow*>& rows) {
    std::vector<std::string> names;
    for (const LossOptionInfo& info : loss_options())
        if (std::any_of(rows.begin(), rows.end(),
                        [&](const LossRow* row) { return takes(*row, info.option); }))
            names.emplace_back(info.key);
    return names.empty() ? "no options" : join(names, " ");
}

std::string losses_that_take(LossOption option) {
    std::vector<std::string> names;
    for (const LossRow& row : losses())
        if (takes(row, option)) names.emplace_back(row.name);
    return join(names, " ");
}

class Checker {
public:
    Checker(const LossTerm& term, std::string where, std::vector<std::string>& problems)
        : term_(term), where_(std::move(where)), problems_(problems), rows_(rows_of(term.kind)) {}

    void run() {
        if (rows_.empty()) return unknown_kind();
        check_enumerations();
        for (const LossOptionInfo& info : loss_options()) check_option(info);
        check_required();
        check_f_divergence();
        if (term_.unit_scale && !any([](const LossRow& row) { return row.name == "ipo"; }))
            add("unit_scale", "belongs to ipo; {} is not scaled", term_.kind);
        if (!(term_.weight >= 0)) add("weight", "must be 0 or more, got {:g}", term_.weight);
    }

private:
    template <typename... Args>
    void add(std::string_view key, fmt::format_string<Args...> format, Args&&... args) {
        problems_.push_back(fmt::format("{}.{} ", where_, key) +
                            fmt::format(format, std::forward<Args>(args)...));
    }
    template <typename Test>
    bool any(Test test) const {
        return std::any_of(rows_.begin(), rows_.end(), [&](const LossRow* row) { return test(*row); });
    }
    std::optional<double> value(LossOption option) const {
        return term_.options[static_cast<std::size_t>(option)];
    }

    void unknown_kind() {
        const std::string near = nearest_name(term_.kind, loss_kinds());
        add("kind", "= '{}' is not a loss{}; `linvox losses` lists them", term_.kind,
            near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }

    void check_enumerations() {
        if (!term_.normalise.empty() && term_.normalise != "sum" && term_.normalise != "mean")
            add("normalise", "= '{}' is not one of sum mean", term_.normalise);
        static const std::vector<std::string> names = {"reverse_kl", "forward_kl", "js", "alpha"};
        if (std::find(names.begin(), names.end(), term_.f_divergence) == names.end())
            add("f_divergence", "= '{}' is not one of {}", term_.f_divergence, join(names, " "));
    }

    void check_option(const LossOptionInfo& info) {
        const std::optional<double> set = value(info.option);
        if (!set) return;
        if (info.option == f_alpha) {
            if (term_.f_divergence != "alpha")
                add("f_alpha", "is set, but f_divergence is '{}', not 'alpha'", term_.f_divergence);
        } else if (!any([&](const LossRow& row) { return takes(row, info.option); })) {
            return not_taken(info);
        }
        const bool inside = *set >= info.range.low && *set <= info.range.high;
        if (!inside)
            add(info.key, "must lie in [{:g}, {:g}], got {:g}", info.range.low, info.range.high, *set);
        if (info.option == lambda && term_.kind == "bdpo" && !(*set > 0 && *set <= 1))
            add("lambda", "of bdpo is a share in (0, 1], got {:g}", *set);
        if (info.option == label_smoothing && term_.kind == "exo_pair" && *set == 0)
            add("label_smoothing", "of exo_pair must be above 0: the loss is infinite there");
        if (info.option == alpha && *set < 0 && term_.kind != "alphapo")
            add("alpha", "must be 0 or more for {}, got {:g}", term_.kind, *set);
    }

    void not_taken(const LossOptionInfo& info) {
        const bool weights = info.option == r1 || info.option == r2;
        if (weights && term_.kind == "lpo-ste-dynamic")
            return add(
                info.key,
                "is set, but lpo-ste-dynamic takes its weights from the pair; remove it or use lpo-ste");
        if (info.option == label_smoothing)
            return add(info.key, "is not defined for {}; use cdpo, robust, exo_pair, aot or aot_unpaired",
                       term_.kind);
        add(info.key, "is set, but {} takes {}; {} belongs to {}", term_.kind, taken_options(rows_), info.key,
            losses_that_take(info.option));
    }

    void check_required() {
        const LossPreset* preset = find_preset(term_.kind);
        if (!preset) return;
        for (const LossOption option : preset->required)
            if (!value(option))
                add(loss_option(option).key, "must be set for {} ({})", preset->name, preset->origin);
    }

    void check_f_divergence() {
        if (term_.f_divergence == "reverse_kl") return;
        if (!any([](const LossRow& row) { return row.f_divergence; }))
            add("f_divergence", "= '{}' is not defined for {}; remove it", term_.f_divergence, term_.kind);
    }

    const LossTerm& term_;
    std::string where_;
    std::vector<std::string>& problems_;
    std::vector<const LossRow*> rows_;
};

std::vector<const LossTerm*> all_terms(const LossConfig& config) {
    std::vector<const LossTerm*> terms = {&config.main};
    for (const LossTerm& term : config.mix) terms.push_back(&term);
    return terms;
}

void check_modifiers(const LossConfig& config, const std::string& where, std::vector<std::string>& problems) {
    double total = 0.0;
    bool rejected_side = false, by_rank = false;
    for (const LossTerm* term : all_terms(config)) {
        total += term->weight;
        for (const LossRow* row : rows_of(term->kind)) {
            rejected_side |= row->name != "sft";
            by_rank |= row->name == "aot" || row->name == "aot_unpaired";
        }
    }
    if (total == 0.0) problems.push_back(where + ": every weight is 0; nothing would be trained");
    if (config.wpo && by_rank)
        problems.push_back(where +
                           ".wpo cannot weigh aot or aot_unpaired: their terms belong to ranks, not pairs");
    if (config.ratio_target > 0 && !rejected_side)
        problems.push_back(where + ".ratio_target needs a loss with a rejected side; sft has none");
    const auto range = [&](const char* key, double value, double high) {
        if (!(value >= 0 && value <= high))
            problems.push_back(fmt::format("{}.{} must lie in [0, {:g}], got {:g}", where, key, high, value));
    };
    range("ld_alpha", config.ld_alpha, 1);
    range("ratio_target", config.ratio_target, 1e6);
    range("ratio_ema", config.ratio_ema, 1);
}

}  // namespace

std::vector<std::string> check_loss_config(const LossConfig& config, std::string_view where) {
    std::vector<std::string> problems;
    const std::string prefix(where);
    Checker(config.main, prefix, problems).run();
    for (std::size_t i = 0; i < config.mix.size(); ++i)
        Checker(config.mix[i], fmt::format("{}.mix[{}]", prefix, i), problems).run();
    check_modifiers(config, prefix, problems);
    return problems;
}

std::vector<std::string> check_loss_inputs(const LossConfig& config, const LossInputs& inputs,
                                           std::string_view where) {
    std::vector<std::string> problems;
    const auto add = [&](std::string_view who, std::string_view what) {
        problems.push_back(fmt::format("{}: {} {}", where, who, what));
    };
    for (const LossTerm* term : all_terms(config)) {
        for (const LossRow* row : rows_of(term->kind)) {
            const LossNeeds& needs = row->needs;
            if (needs.reference && !inputs.reference)
                add(row->name,
                    "needs a reference; give one, or use simpo, orpo, cpo, alphapo, slic_hf or sft");
            if (needs.task_scores && !inputs.task_scores)
                add(row->name, "needs a task score of both answers of every pair; the data has none");
            if (needs.reference_logits && inputs.reference_is_cached)
                add(row->name,
                    "needs the reference's logits; cached sums cannot give them, use a live reference");
            else if (needs.token_values && inputs.reference_is_cached)
                add(row->name, "needs per-token values of the reference; its file holds sums");
            if (needs.whole_batch && inputs.micro_batches > 1)
                add(row->name,
                    "compares the pairs of one batch, so accumulation would change it; use one micro-batch "
                    "per step");
            if (needs.whole_batch && inputs.ranks > 1)
                add(row->name,
                    "compares the pairs of one batch, which several ranks would split; use one rank");
        }
    }
    if (config.ld_alpha != 1.0 && inputs.reference && inputs.reference_is_cached)
        add("ld_alpha",
            "below 1 needs per-token values of the reference, and its file holds sums; run the reference "
            "stage again with this loss, which makes it store them");
    if (config.wpo && inputs.reference_is_cached)
        add("wpo", "weighs pairs by values of single tokens, and sums are all there is; set it to false");
    return problems;
}

}  // namespace linvox

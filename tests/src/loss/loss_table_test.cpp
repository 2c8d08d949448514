// What every row of the table must satisfy.
#include "src/loss/loss_table.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "src/base/error.h"
#include "src/loss/inputs.h"
#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;

// Rows whose gradient is not that of their value: a stop-gradient separates the two. Their gradients have
// closed forms in stop_gradient_test.cpp.
const std::set<std::string_view> kStopGradient = {"lpo-ste", "lpo-ste-dynamic", "kto_pair",
                                                  "adadpo",  "beta_dpo",        "alpha_dpo"};

LossConfig config_of(const LossRow& row) {
    LossConfig config = loss_of(std::string(row.name));
    if (row.name == "beta_dpo") config.main.set(keep, 1.0);  // the draw would depend on the order
    return config;
}

at::Tensor grad_of(const at::Tensor& leaf) {
    return leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf);
}

struct Result {
    Values value, by_chosen, by_rejected;
};

Result evaluate(const PairScores& scores, const PairExtras& extras, const LossConfig& config) {
    PairScores s = scores;
    s.policy_chosen = scores.policy_chosen.detach().clone().set_requires_grad(true);
    s.policy_rejected = scores.policy_rejected.detach().clone().set_requires_grad(true);
    LossState state;
    const at::Tensor value = preference_loss(s, extras, config, state).per_pair_B;
    if (value.requires_grad()) value.sum().backward();
    return {values_of(value), values_of(grad_of(s.policy_chosen)), values_of(grad_of(s.policy_rejected))};
}

PairScores take(const PairScores& s, const std::vector<std::int64_t>& rows) {
    const at::Tensor index = at::tensor(rows, at::kLong);
    const auto pick = [&](const at::Tensor& t) { return t.detach().index_select(0, index); };
    return {pick(s.policy_chosen),      pick(s.policy_rejected), pick(s.reference_chosen),
            pick(s.reference_rejected), pick(s.chosen_tokens),   pick(s.rejected_tokens)};
}

PairExtras take(PairExtras e, const std::vector<std::int64_t>& rows) {
    for (const auto& [name, tensor] : named_extras(e))
        *tensor = tensor->index_select(0, at::tensor(rows, at::kLong));
    return e;
}

void expect_close(const Values& got, const Values& want, double tolerance) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_NEAR(got[i], want[i], tolerance * std::max(1.0, std::abs(want[i]))) << "pair " << i;
}

class EveryRow : public testing::TestWithParam<const LossRow*> {
protected:
    const LossRow& row() const { return *GetParam(); }
};

std::vector<const LossRow*> every_row() {
    std::vector<const LossRow*> rows;
    for (const LossRow& row : losses()) rows.push_back(&row);
    return rows;
}

std::string test_name(const testing::TestParamInfo<const LossRow*>& info) {
    std::string name(info.param->name);
    for (char& c : name)
        if (c == '-') c = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryRow, testing::ValuesIn(every_row()), test_name);

TEST_P(EveryRow, IsDescribed) {
    for (const std::string_view text : {row().name, row().formula, row().paper, row().use, row().step0_text})
        EXPECT_FALSE(text.empty());
    EXPECT_EQ(row().needs.running_state, row().fold != nullptr);
    for (const auto& [option, value] : row().options) {
        EXPECT_GE(value, loss_option(option).range.low) << loss_option(option).key;
        EXPECT_LE(value, loss_option(option).range.high) << loss_option(option).key;
    }
    EXPECT_TRUE(check_loss_config(config_of(row())).empty());
}

TEST_P(EveryRow, StartsAtItsClosedForm) {
    PairScores s = usual_scores(5);
    s.reference_chosen = s.policy_chosen.detach();
    s.reference_rejected = s.policy_rejected.detach();
    PairExtras e = usual_extras(5);
    for (at::Tensor* kl :
         {&e.chosen_kl, &e.rejected_kl, &e.chosen_weighted_logratio, &e.rejected_weighted_logratio})
        *kl = at::zeros_like(*kl);
    std::vector<std::string> maps = {"reverse_kl"};
    if (row().f_divergence) maps.insert(maps.end(), {"forward_kl", "js", "alpha"});
    for (const std::string& map : maps) {
        LossConfig config = config_of(row());
        config.main.f_divergence = map;
        const std::optional<double> want = loss_step0(resolve_loss(config).front());
        if (!want) continue;
        const Values value = evaluate(s, e, config).value;
        double mean = 0.0;
        for (const double v : value) mean += v / static_cast<double>(value.size());
        EXPECT_NEAR(mean, *want, 1e-12 * std::max(1.0, *want)) << map;
    }
}

TEST_P(EveryRow, GradientIsThatOfTheValue) {
    if (kStopGradient.contains(row().name)) GTEST_SKIP() << "see stop_gradient_test.cpp";
    for (const std::string normalise : {"sum", "mean"}) {
        LossConfig config = config_of(row());
        config.main.normalise = normalise;
        const PairScores s = usual_scores(4);
        const PairExtras e = usual_extras(4);
        const Result got = evaluate(s, e, config);
        const auto total = [&](at::Tensor PairScores::*side, std::int64_t pair, double shift) {
            PairScores moved = s;
            moved.*side = (s.*side).detach().clone();
            (moved.*side).data_ptr<double>()[pair] += shift;
            double sum = 0.0;
            for (const double v : evaluate(moved, e, config).value) sum += v;
            return sum;
        };
        for (std::int64_t pair = 0; pair < 4; ++pair) {
            const double h = 1e-5;
            const auto slope = [&](at::Tensor PairScores::*side) {
                return (total(side, pair, h) - total(side, pair, -h)) / (2 * h);
            };
            const auto i = static_cast<std::size_t>(pair);
            EXPECT_NEAR(got.by_chosen[i], slope(&PairScores::policy_chosen),
                        2e-6 * std::max(1.0, std::abs(got.by_chosen[i])))
                << normalise;
            EXPECT_NEAR(got.by_rejected[i], slope(&PairScores::policy_rejected),
                        2e-6 * std::max(1.0, std::abs(got.by_rejected[i])))
                << normalise;
        }
    }
}

TEST_P(EveryRow, BatchIsTheSinglesInARow) {
    if (row().needs.whole_batch) GTEST_SKIP() << "pairs of a batch see each other";
    const PairScores s = usual_scores(4);
    const PairExtras e = usual_extras(4);
    const Result all = evaluate(s, e, config_of(row()));
    for (std::int64_t i = 0; i < 4; ++i) {
        const Result one = evaluate(take(s, {i}), take(e, {i}), config_of(row()));
        const auto k = static_cast<std::size_t>(i);
        expect_close(one.value, {all.value[k]}, 1e-13);
        expect_close(one.by_chosen, {all.by_chosen[k]}, 1e-13);
        expect_close(one.by_rejected, {all.by_rejected[k]}, 1e-13);
    }
}

TEST_P(EveryRow, OrderDoesNotMatter) {
    const PairScores s = usual_scores(4);
    const PairExtras e = usual_extras(4);
    const std::vector<std::int64_t> order = {2, 0, 3, 1};
    const Result straight = evaluate(s, e, config_of(row()));
    const Result shuffled = evaluate(take(s, order), take(e, order), config_of(row()));
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto k = static_cast<std::size_t>(order[i]);
        expect_close({shuffled.value[i], shuffled.by_chosen[i], shuffled.by_rejected[i]},
                     {straight.value[k], straight.by_chosen[k], straight.by_rejected[k]}, 1e-12);
    }
}

TEST_P(EveryRow, EightMicroBatchesAreOneBatch) {
    if (row().needs.whole_batch) GTEST_SKIP() << "refused at load";
    const LossConfig config = config_of(row());
    const PairScores s = usual_scores(8);
    const PairExtras e = usual_extras(8);
    const at::Tensor weight_B = vector_of({1, .5, .5, 1, 2, 1, .25, 1});
    const auto run = [&](const std::vector<std::vector<std::int64_t>>& micro_batches) {
        std::vector<double> denominators;
        for (const auto& rows : micro_batches) {
            const at::Tensor index = at::tensor(rows, at::kLong);
            const auto part = loss_denominators(config, s.chosen_tokens.index_select(0, index),
                                                weight_B.index_select(0, index));
            denominators.resize(part.size());
            for (std::size_t i = 0; i < part.size(); ++i) denominators[i] += part[i];
        }
        LossState state;
        double value = 0.0;
        Values gradient;
        for (const auto& rows : micro_batches) {
            PairScores m = take(s, rows);
            m.policy_chosen.set_requires_grad(true);
            m.policy_rejected.set_requires_grad(true);
            const at::Tensor step =
                reduce_loss(preference_loss(m, take(e, rows), config, state), m.chosen_tokens,
                            weight_B.index_select(0, at::tensor(rows, at::kLong)), denominators);
            value += step.item<double>();
            if (step.requires_grad()) step.backward();
            for (const double g : values_of(grad_of(m.policy_chosen))) gradient.push_back(g);
        }
        finish_step(config, state);
        const TermState& term = state.terms.front();
        gradient.insert(gradient.end(),
                        {term.reward_shift, term.margin_mean, term.margin_std, term.beta_scale, value});
        return gradient;
    };
    std::vector<std::vector<std::int64_t>> singles;
    for (std::int64_t i = 0; i < 8; ++i) singles.push_back({i});
    expect_close(run(singles), run({{0, 1, 2, 3, 4, 5, 6, 7}}), 1e-12);
}

TEST_P(EveryRow, Float32FollowsFloat64) {
    PairScores s = take(usual_scores(4), {0, 1, 2, 3});
    PairExtras e = usual_extras(4);
    const Values want = evaluate(s, e, config_of(row())).value;
    for (at::Tensor* t : {&s.policy_chosen, &s.policy_rejected, &s.reference_chosen, &s.reference_rejected})
        *t = t->to(at::kFloat);
    for (const auto& [name, tensor] : named_extras(e)) *tensor = tensor->to(at::kFloat);
    expect_close(evaluate(s, e, config_of(row())).value, want, 2e-5);
}

TEST_P(EveryRow, RefusesShapesThatDiffer) {
    LossState state;
    const LossConfig config = config_of(row());
    PairScores shorter = usual_scores(3);
    shorter.policy_rejected = usual_scores(2).policy_rejected;
    EXPECT_THROW(preference_loss(shorter, usual_extras(3), config, state), BugError);
    PairScores column = usual_scores(3);
    column.policy_chosen = column.policy_chosen.unsqueeze(1);
    EXPECT_THROW(preference_loss(column, usual_extras(3), config, state), BugError);
}

TEST_P(EveryRow, NamesAnInputThatIsMissing) {
    LossState state;
    PairScores bare = usual_scores(2);
    bare.reference_chosen = bare.reference_rejected = at::Tensor();
    const bool needs = row().needs.reference || row().needs.task_scores || row().needs.token_values;
    if (!needs) {
        EXPECT_NO_THROW(preference_loss(bare, {}, config_of(row()), state));
        return;
    }
    try {
        preference_loss(bare, {}, config_of(row()), state);
        ADD_FAILURE() << "accepted";
    } catch (const BugError& error) {
        EXPECT_NE(std::string(error.what()).find(std::string(row().name) + " needs "), std::string::npos)
            << error.what();
    }
}

TEST(LossTable, NamesAreUniqueAndPresetsKnown) {
    std::set<std::string> names;
    for (const std::string& name : loss_kinds()) EXPECT_TRUE(names.insert(name).second) << name;
    for (const LossPreset& preset : loss_presets())
        for (const LossPreset::Term& term : preset.terms) {
            const LossRow* row = find_loss(term.row);
            ASSERT_NE(row, nullptr) << term.row;
            for (const auto& [option, unused] : term.options)
                EXPECT_TRUE(std::any_of(row->options.begin(), row->options.end(),
                                        [o = option](const auto& entry) { return entry.first == o; }))
                    << preset.name;
        }
    EXPECT_EQ(find_loss("balanced_dpo"), nullptr);
}

TEST(LossTable, OptionListFollowsTheEnumeration) {
    ASSERT_EQ(loss_options().size(), kLossOptionCount);
    for (std::size_t i = 0; i < kLossOptionCount; ++i)
        EXPECT_EQ(static_cast<std::size_t>(loss_options()[i].option), i) << loss_options()[i].key;
}

}  // namespace
}  // namespace linvox

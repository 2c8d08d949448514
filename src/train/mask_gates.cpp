// check_masks() of gates.h: is exactly the right thing scored? The expectations are found here by walking
// the records, without pack(), because a fault in pack() is what they look for.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/train/gates.h"

namespace linvox {
namespace {

bool is_given(const TokenSequence& answer, std::int32_t position) {
    return std::any_of(answer.given.begin(), answer.given.end(),
                       [&](const Span& span) { return span.begin <= position && position < span.end; });
}

std::vector<std::int64_t> to_vector(const at::Tensor& tensor) {
    const at::Tensor host = tensor.to(at::kCPU).contiguous();
    const std::int64_t* data = host.const_data_ptr<std::int64_t>();
    return {data, data + host.numel()};
}

using Members = std::vector<const SequenceGroup*>;

/// Sums per answer on the host, float64.
class MaskProbe {
public:
    MaskProbe(const Decoder& policy, const ScoreConfig& score, const Packer& packer)
        : policy_(policy), score_(score), packer_(packer) {}

    std::vector<double> sums(const PackedBatch& batch) const {
        const at::Tensor sum_A =
            score_answers(policy_, batch, score_).logprob_sum_A.to(at::kCPU, at::kDouble).contiguous();
        return {sum_A.const_data_ptr<double>(), sum_A.const_data_ptr<double>() + sum_A.numel()};
    }
    PackedBatch packed(const Members& members) const { return packer_(members); }
    const Decoder& policy() const { return policy_; }
    const ScoreConfig& score() const { return score_; }

    bool narrow() const { return score_.forward.compute == Compute::bfloat16; }
    /// Another id that may stand where `id` stands.
    std::int64_t other_id(std::int64_t id) const {
        const SoftmaxRange& range = score_.softmax;
        const std::int64_t end = range.is_all() ? policy_.config.vocab_size : range.end;
        return id >= range.begin && id + 1 < end ? id + 1 : range.begin;
    }

private:
    const Decoder& policy_;
    const ScoreConfig& score_;
    const Packer& packer_;
};

GateCheck result(const char* name, double value, double limit, const char* detail) {
    const bool passed = value <= limit;
    return {name, value, limit, passed, passed ? "" : detail};
}

/// What is wrong with label n, if anything: its id, the token it follows, its distance from the prompt.
struct ExpectedLabel {
    std::int64_t answer, id, previous, previous_position;
};

std::vector<ExpectedLabel> expected_labels(const Members& members) {
    std::vector<ExpectedLabel> expected;
    std::int64_t number = 0;
    for (const SequenceGroup* group : members) {
        const auto prompt = static_cast<std::int64_t>(group->prompt_ids.size());
        for (const TokenSequence& answer : group->answers) {
            for (std::int32_t i = 0; i < static_cast<std::int32_t>(answer.ids.size()); ++i) {
                if (is_given(answer, i)) continue;
                const std::int64_t previous =
                    i > 0 ? answer.ids[static_cast<std::size_t>(i) - 1] : group->prompt_ids.back();
                expected.push_back(
                    {number, answer.ids[static_cast<std::size_t>(i)], previous, prompt + i - 1});
            }
            ++number;
        }
    }
    return expected;
}

GateCheck check_labels(const PackedBatch& batch, const Members& members) {
    const std::vector<ExpectedLabel> expected = expected_labels(members);
    const auto ids = to_vector(batch.ids_T), position = to_vector(batch.position_T),
               row = to_vector(batch.row_N), label = to_vector(batch.label_N),
               answer = to_vector(batch.answer_N);
    double wrong = std::abs(static_cast<double>(label.size()) - static_cast<double>(expected.size()));
    for (std::size_t n = 0; n < std::min(label.size(), expected.size()); ++n) {
        const auto at = static_cast<std::size_t>(row[n]);
        const ExpectedLabel& want = expected[n];
        wrong += at >= ids.size() || label[n] != want.id || answer[n] != want.answer ||
                 ids[at] != want.previous || position[at] != want.previous_position;
    }
    return result(
        "mask/labels", wrong, 0.0,
        "scored positions that are not the answers' own tokens, each predicted from the token before it");
}

/// The first and last row of every answer: sibling answers start at the same position.
struct AnswerRows {
    std::int64_t first_label = 0, last_label = 0;  // places in label_N
};

std::vector<AnswerRows> label_ranges(const PackedBatch& batch) {
    std::vector<AnswerRows> ranges(static_cast<std::size_t>(batch.answer_count), {-1, -1});
    const auto answer = to_vector(batch.answer_N);
    for (std::size_t n = 0; n < answer.size(); ++n) {
        AnswerRows& range = ranges[static_cast<std::size_t>(answer[n])];
        if (range.first_label < 0) range.first_label = static_cast<std::int64_t>(n);
        range.last_label = static_cast<std::int64_t>(n);
    }
    return ranges;
}

/// Answers other than `own` whose sum changed, plus one when `own` did not change although it must.
double unwanted_changes(const std::vector<double>& before, const std::vector<double>& after, std::size_t own,
                        bool own_must_change) {
    double count = 0.0;
    for (std::size_t a = 0; a < before.size(); ++a)
        count += a == own ? (own_must_change && before[a] == after[a]) : before[a] != after[a];
    return count;
}

at::Tensor with_value(const at::Tensor& tensor, std::int64_t place, std::int64_t value) {
    at::Tensor changed = tensor.clone();
    changed[place].fill_(value);
    return changed;
}

GateCheck check_own_label(const MaskProbe& probe, PackedBatch batch, const std::vector<double>& before) {
    const std::int64_t place = batch.label_N.size(0) / 2;
    const auto own = static_cast<std::size_t>(batch.answer_N[place].item<std::int64_t>());
    batch.label_N =
        with_value(batch.label_N, place, probe.other_id(batch.label_N[place].item<std::int64_t>()));
    return result("mask/own", unwanted_changes(before, probe.sums(batch), own, true), 0.0,
                  "answers whose score changed with another answer's label, or did not change with its own");
}

/// The row behind the last predicting row of an answer: that label as an input, which nothing may see.
GateCheck check_last_token(const MaskProbe& probe, PackedBatch batch, const std::vector<double>& before) {
    const std::vector<AnswerRows> ranges = label_ranges(batch);
    // The row that predicts an answer's only label may be the prompt's, and behind it stands another answer.
    const auto several = std::find_if(ranges.rbegin(), ranges.rend(),
                                      [](const AnswerRows& r) { return r.first_label < r.last_label; });
    double changed = 0.0;
    const std::int64_t row =
        several == ranges.rend() ? batch.tokens() : batch.row_N[several->last_label].item<std::int64_t>() + 1;
    if (row < batch.tokens()) {
        batch.ids_T = with_value(batch.ids_T, row, probe.other_id(batch.ids_T[row].item<std::int64_t>()));
        const std::vector<double> after = probe.sums(batch);
        for (std::size_t a = 0; a < before.size(); ++a) changed += before[a] != after[a];
    }
    return result("mask/last", changed, 0.0,
                  "answers whose score depends on a token that stands behind all of it");
}

/// The first answer of the batch gets another token in its middle; its own score must follow, no other.
GateCheck check_isolation(const MaskProbe& probe, PackedBatch batch, const std::vector<double>& before) {
    const std::vector<AnswerRows> ranges = label_ranges(batch);
    const std::int64_t middle = (ranges[0].first_label + ranges[0].last_label + 1) / 2;
    const std::int64_t row = batch.row_N[middle].item<std::int64_t>();
    // The row of a one-token answer is its prompt's: siblings may see it.
    if (ranges[0].first_label == ranges[0].last_label) return result("mask/isolation", 0.0, 0.0, "");
    batch.ids_T = with_value(batch.ids_T, row, probe.other_id(batch.ids_T[row].item<std::int64_t>()));
    return result("mask/isolation", unwanted_changes(before, probe.sums(batch), 0, true), 0.0,
                  "answers that see the tokens of another answer, or do not see their own");
}

double relative_gap(double a, double b) { return std::abs(a - b) / std::max(1.0, std::abs(b)); }

GateCheck check_order(const MaskProbe& probe, Members members, const std::vector<double>& before) {
    std::vector<std::vector<double>> by_record;
    std::size_t next = 0;
    for (const SequenceGroup* group : members) {
        by_record.emplace_back(before.begin() + static_cast<std::ptrdiff_t>(next),
                               before.begin() + static_cast<std::ptrdiff_t>(next + group->answers.size()));
        next += group->answers.size();
    }
    std::reverse(members.begin(), members.end());
    std::reverse(by_record.begin(), by_record.end());
    const std::vector<double> after = probe.sums(probe.packed(members));
    double largest = after.size() == before.size() ? 0.0 : std::numeric_limits<double>::infinity();
    next = 0;
    for (const auto& sums : by_record)
        for (const double sum : sums)
            if (next < after.size()) largest = std::max(largest, relative_gap(after[next++], sum));
    return result("mask/order", largest, probe.narrow() ? 1e-2 : 1e-5,
                  "relative change of a score when the records stand in another order");
}

/// logsumexp of every row's logits and the logits [T] of `column_T`, float64. The head is cast a part at a
/// time: whole, it may be larger than all that training takes.
std::pair<at::Tensor, at::Tensor> oracle_logits(const at::Tensor& hidden_TD, const at::Tensor& head_RD,
                                                const at::Tensor& column_T) {
    constexpr std::int64_t kPart = 16384;
    std::vector<at::Tensor> sums;
    for (std::int64_t first = 0; first < head_RD.size(0); first += kPart) {
        const at::Tensor part_PD =
            head_RD.slice(0, first, std::min(first + kPart, head_RD.size(0))).to(at::kDouble);
        sums.push_back(at::logsumexp(hidden_TD.matmul(part_PD.t()), 1));
    }
    return {at::logsumexp(at::stack(sums), 0),
            (hidden_TD * head_RD.index_select(0, column_T).to(at::kDouble)).sum(1)};
}

/// One whole sequence in float64: no packing, no shared prompt, none of the scoring kernels.
double oracle_sum(const Decoder& policy, const SequenceGroup& group, const TokenSequence& answer,
                  const ScoreConfig& score) {
    std::vector<std::int64_t> ids(group.prompt_ids.begin(), group.prompt_ids.end());
    const auto prompt = static_cast<std::int64_t>(ids.size());
    ids.insert(ids.end(), answer.ids.begin(), answer.ids.end());
    const auto length = static_cast<std::int64_t>(ids.size());
    PackedBatch whole;
    whole.ids_T = at::empty({length}, at::TensorOptions().dtype(at::kLong));
    std::copy(ids.begin(), ids.end(), whole.ids_T.mutable_data_ptr<std::int64_t>());
    whole.position_T = at::arange(length, at::TensorOptions().dtype(at::kLong));
    whole.segments = {{0, length, 0, 0}};
    const at::Tensor hidden_TD = decoder_hidden(policy, whole, {.compute = Compute::float64});
    std::vector<std::int64_t> scored;
    for (std::int64_t t = prompt; t < length; ++t)
        if (!is_given(answer, static_cast<std::int32_t>(t - prompt))) scored.push_back(t);
    if (scored.empty()) return 0.0;
    const at::Tensor scored_N = at::tensor(scored, at::kLong).to(hidden_TD.device());
    const at::Tensor label_N =
        softmax_columns(whole.ids_T.to(hidden_TD.device()).index_select(0, scored_N), score.softmax);
    const auto [lse_N, logit_N] = oracle_logits(hidden_TD.index_select(0, scored_N - 1),
                                                softmax_rows(head_weight(policy), score.softmax), label_N);
    return (logit_N - lse_N).sum().item<double>();
}

/// The first and the last answer of the first record.
GateCheck check_oracle(const MaskProbe& probe, const SequenceGroup& group,
                       const std::vector<double>& before) {
    const double first = oracle_sum(probe.policy(), group, group.answers.front(), probe.score());
    const double last = oracle_sum(probe.policy(), group, group.answers.back(), probe.score());
    const double gap =
        before.size() < group.answers.size()
            ? std::numeric_limits<double>::infinity()
            : std::max(relative_gap(before[0], first), relative_gap(before[group.answers.size() - 1], last));
    return result(
        "mask/oracle", gap, probe.narrow() ? 2e-2 : 1e-4,
        "relative difference between scores and a plain float64 log-softmax over the whole sequence");
}

}  // namespace

std::vector<GateCheck> check_masks(const Decoder& policy, const std::vector<SequenceGroup>& groups,
                                   const ScoreConfig& score, const Packer& packer) {
    const at::NoGradGuard no_grad;
    Members all;
    for (const SequenceGroup& group : groups) all.push_back(&group);
    const MaskProbe probe(policy, score, packer);
    std::vector<GateCheck> checks = {check_labels(probe.packed(all), all)};
    if (!checks.front().passed) return checks;  // the others would index by wrong labels
    // Two records show what many would: the checks cost a few forward passes of them.
    const Members few(all.begin(),
                      all.begin() + std::min<std::ptrdiff_t>(2, static_cast<std::ptrdiff_t>(all.size())));
    const PackedBatch batch = probe.packed(few);
    const std::vector<double> before = probe.sums(batch);
    checks.push_back(check_own_label(probe, batch, before));
    checks.push_back(check_last_token(probe, batch, before));
    checks.push_back(check_isolation(probe, batch, before));
    checks.push_back(check_order(probe, few, before));
    checks.push_back(check_oracle(probe, *few.front(), before));
    return checks;
}

}  // namespace linvox

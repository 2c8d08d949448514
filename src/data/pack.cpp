#include "src/data/pack.h"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "src/base/error.h"

namespace linvox {
namespace {

at::Tensor to_tensor(const std::vector<std::int64_t>& values) {
    return at::from_blob(const_cast<std::int64_t*>(values.data()), {static_cast<std::int64_t>(values.size())},
                         at::TensorOptions().dtype(at::kLong))
        .clone();
}

/// Grows a batch row by row; knows positions and labels, not layouts.
class BatchBuilder {
public:
    /// Rows of a prompt; returns where they stand.
    Span add_prompt(const std::vector<std::int32_t>& prompt_ids) {
        const std::int32_t begin = rows();
        for (std::size_t i = 0; i < prompt_ids.size(); ++i)
            add_row(prompt_ids[i], static_cast<std::int64_t>(i));
        return {begin, rows()};
    }

    /// Rows and labels of an answer behind the prompt at `prompt`.
    void add_answer(const TokenSequence& answer, const Span& prompt, const std::string& id) {
        LINVOX_REQUIRE(answer.scored_count() > 0, DataError, "record '{}': an answer has no scored token",
                       id);
        const std::int32_t begin = rows();
        const std::int32_t prompt_length = prompt.end - prompt.begin;
        auto given = answer.given.begin();
        for (std::int32_t i = 0; i < static_cast<std::int32_t>(answer.ids.size()); ++i) {
            add_row(answer.ids[i], prompt_length + i);
            while (given != answer.given.end() && given->end <= i) ++given;
            if (given != answer.given.end() && given->begin <= i) continue;
            LINVOX_REQUIRE(i > 0 || prompt_length > 0, DataError,
                           "record '{}': the first token of an answer is scored but nothing stands before it",
                           id);
            row_.push_back(i > 0 ? begin + i - 1 : prompt.end - 1);  // the shift by one
            label_.push_back(answer.ids[i]);
            answer_.push_back(answers_);
        }
        ++answers_;
    }

    void add_segment(const Segment& segment) { segments_.push_back(segment); }
    std::int32_t rows() const { return static_cast<std::int32_t>(ids_.size()); }

    PackedBatch finish() const {
        PackedBatch batch;
        batch.ids_T = to_tensor(ids_);
        batch.position_T = to_tensor(position_);
        batch.segments = segments_;
        batch.row_N = to_tensor(row_);
        batch.label_N = to_tensor(label_);
        batch.answer_N = to_tensor(answer_);
        batch.answer_count = answers_;
        return batch;
    }

private:
    void add_row(std::int64_t id, std::int64_t position) {
        ids_.push_back(id);
        position_.push_back(position);
    }
    std::vector<std::int64_t> ids_, position_, row_, label_, answer_;
    std::vector<Segment> segments_;
    std::int64_t answers_ = 0;
};

void add_shared(BatchBuilder& builder, const SequenceGroup& group) {
    const Span prompt = builder.add_prompt(group.prompt_ids);
    for (std::size_t i = 0; i < group.answers.size(); ++i) {
        const std::int64_t begin = builder.rows();
        builder.add_answer(group.answers[i], prompt, group.id);
        if (i == 0)
            builder.add_segment({prompt.begin, builder.rows(), 0, 0});
        else
            builder.add_segment({begin, builder.rows(), prompt.begin, prompt.end});
    }
}

void add_flat(BatchBuilder& builder, const SequenceGroup& group) {
    for (const TokenSequence& answer : group.answers) {
        const Span prompt = builder.add_prompt(group.prompt_ids);
        builder.add_answer(answer, prompt, group.id);
        builder.add_segment({prompt.begin, builder.rows(), 0, 0});
    }
}

}  // namespace

std::int64_t shared_token_count(const SequenceGroup& group) {
    std::int64_t count = static_cast<std::int64_t>(group.prompt_ids.size());
    for (const TokenSequence& answer : group.answers) count += static_cast<std::int64_t>(answer.ids.size());
    return count;
}

std::int64_t longest_sequence(const SequenceGroup& group) {
    std::size_t longest = 0;
    for (const TokenSequence& answer : group.answers) longest = std::max(longest, answer.ids.size());
    return static_cast<std::int64_t>(group.prompt_ids.size() + longest);
}

std::int64_t scored_token_count(const SequenceGroup& group) {
    std::int64_t count = 0;
    for (const TokenSequence& answer : group.answers) count += answer.scored_count();
    return count;
}

PackedBatch pack(const std::vector<const SequenceGroup*>& groups, Layout layout) {
    LINVOX_ASSERT(!groups.empty(), "pack() of no groups");
    BatchBuilder builder;
    for (const SequenceGroup* group : groups) {
        LINVOX_REQUIRE(!group->answers.empty(), DataError, "record '{}' has no answer", group->id);
        layout == Layout::shared ? add_shared(builder, *group) : add_flat(builder, *group);
    }
    return builder.finish();
}

PackedBatch pack(const std::vector<SequenceGroup>& groups, Layout layout) {
    std::vector<const SequenceGroup*> pointers;
    for (const SequenceGroup& group : groups) pointers.push_back(&group);
    return pack(pointers, layout);
}

BatchPlan plan_batches(const std::vector<SequenceGroup>& groups, const std::vector<std::size_t>& order,
                       const PackConfig& config) {
    LINVOX_ASSERT(config.token_budget > 0 && config.window > 0,
                  "token budget {} and window {} must be positive", config.token_budget, config.window);
    BatchPlan plan;
    for (std::size_t begin = 0; begin < order.size(); begin += static_cast<std::size_t>(config.window)) {
        const std::size_t end = std::min(order.size(), begin + static_cast<std::size_t>(config.window));
        std::vector<std::size_t> window(order.begin() + static_cast<std::ptrdiff_t>(begin),
                                        order.begin() + static_cast<std::ptrdiff_t>(end));
        std::stable_sort(window.begin(), window.end(), [&](std::size_t a, std::size_t b) {
            return shared_token_count(groups[a]) > shared_token_count(groups[b]);
        });
        const std::size_t first_bin = plan.size();
        std::vector<std::int64_t> room;
        for (const std::size_t index : window) {
            const std::int64_t size = shared_token_count(groups[index]);
            std::size_t best = room.size();
            for (std::size_t bin = 0; bin < room.size(); ++bin)
                if (room[bin] >= size && (best == room.size() || room[bin] < room[best])) best = bin;
            if (best == room.size()) {
                room.push_back(config.token_budget);
                plan.emplace_back();
            }
            room[best] -= size;
            plan[first_bin + best].push_back(index);
        }
    }
    return plan;
}

std::vector<std::size_t> shuffled_order(std::size_t count, Rng& rng) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    rng.shuffle(order);
    return order;
}

SequenceGroup preference_group(const PreferenceRecord& record) {
    SequenceGroup group{record.info.id, record.info.prompt_ids, {record.chosen.answer}};
    for (const Candidate& rejected : record.rejected) group.answers.push_back(rejected.answer);
    return group;
}

std::vector<PairIndex> index_pairs(const std::vector<PreferenceRecord>& records,
                                   const std::vector<std::size_t>& members, bool weight_by_prompt) {
    std::vector<PairIndex> pairs;
    std::int64_t answer = 0;
    for (const std::size_t record : members) {
        const std::size_t count = records[record].rejected.size();
        const double weight = weight_by_prompt ? 1.0 / static_cast<double>(count) : 1.0;
        for (std::size_t i = 0; i < count; ++i)
            pairs.push_back({answer, answer + 1 + static_cast<std::int64_t>(i), weight, record, i});
        answer += 1 + static_cast<std::int64_t>(count);
    }
    return pairs;
}

}  // namespace linvox

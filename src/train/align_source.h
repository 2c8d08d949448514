// One alignment run as the trainer sees it: the data, the plan of the epoch, the state of the loss, and the
// reference when it is a model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/train/align.h"
#include "src/train/align_forward.h"
#include "src/train/align_plan.h"

namespace linvox {

/// Members are the functions of TrainTask; config, data and policy must outlive it.
class AlignSource {
public:
    /// A live reference starts as a copy of `policy`.
    AlignSource(Decoder& policy, const AlignData& data, const AlignConfig& config);
    AlignSource(const AlignSource&) = delete;
    AlignSource& operator=(const AlignSource&) = delete;

    std::int64_t total_steps() const;
    std::int64_t begin_epoch(std::int64_t epoch);
    std::int64_t micro_count(std::int64_t index);
    MicroResult forward(std::int64_t index, std::int64_t micro, std::int64_t step);
    bool split();
    void after_step();
    std::vector<std::string> record_ids(std::int64_t index, std::int64_t micro);
    Evaluation evaluate();

    /// State of the loss, weights of a live reference, scores of a probe batch.
    TensorMap state() const;
    /// Restored weights must give the scores they gave when they were saved: DataError otherwise.
    void load_state(const TensorMap& state);

private:
    void enter_step(std::int64_t index);
    std::vector<std::size_t> probe_members(const PairSet& set) const;
    at::Tensor probe_sums() const;

    std::optional<Decoder> reference_;  // first: forward_ points to it
    PairSet train_, held_out_;
    const AlignConfig& config_;
    std::int64_t token_budget_;  // the configured one until memory runs out
    PairForward forward_;
    LossState state_, state_before_;  // state_before_: at the start of the step in progress
    std::vector<std::vector<std::size_t>> steps_;
    std::int64_t micros_of_ = -1;  // the step that micros_ belongs to
    BatchPlan micros_;
    Denominators denominators_;
};

}  // namespace linvox

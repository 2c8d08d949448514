// Which ids a generation may draw, where they stand in a row of logits, and whether a request fits them.
#pragma once

#include <cstdint>
#include <vector>

#include "src/generate/generate.h"
#include "src/generate/sampler.h"
#include "src/model/model_config.h"

namespace linvox {

/// The ids of the softmax as columns of the logits: the range, then the extra ids; and which of the first are
/// control ids.
struct SamplingRange {
    std::int64_t begin, end, control_end;
    std::vector<std::int32_t> extra;

    /// -1: the id is not sampled from.
    std::int32_t column(std::int64_t id) const;
    std::int32_t id(std::int64_t column) const;
};

SamplingRange sampling_range(const SamplingConfig& config, std::int64_t vocab_size);

/// The ids that end a unit of the request's answer, or the answer.
std::vector<std::int32_t> end_ids(const GenerationRequest& request);

/// DataError naming the request when its prompt is empty, an id is unknown, its end cannot be drawn, or the
/// model's context or max_tokens leave no room for an answer.
void check_request(const GenerationRequest& request, const SamplingRange& range, const ModelConfig& config,
                   std::int64_t max_tokens);

}  // namespace linvox

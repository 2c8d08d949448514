#include "src/generate/sampling_range.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"

namespace linvox {

std::int32_t SamplingRange::column(std::int64_t id) const {
    if (id >= begin && id < end) return static_cast<std::int32_t>(id - begin);
    const auto found = std::find(extra.begin(), extra.end(), id);
    return found == extra.end() ? -1 : static_cast<std::int32_t>(end - begin + (found - extra.begin()));
}

std::int32_t SamplingRange::id(std::int64_t column) const {
    return column < end - begin ? static_cast<std::int32_t>(begin + column)
                                : extra[static_cast<std::size_t>(column - (end - begin))];
}

std::vector<std::int32_t> end_ids(const GenerationRequest& request) {
    if (request.plan.boundary_id >= 0) return {request.plan.boundary_id};
    std::vector<std::int32_t> ids = request.stop_ids;
    if (request.plan.stop_id >= 0) ids.push_back(request.plan.stop_id);
    return ids;
}

SamplingRange sampling_range(const SamplingConfig& config, std::int64_t vocab_size) {
    if (config.vocab_begin == 0 && config.vocab_end == 0) return {0, vocab_size, 0, {}};
    LINVOX_ASSERT(0 <= config.vocab_begin && config.vocab_begin + config.control_ids < config.vocab_end &&
                      config.vocab_end <= vocab_size,
                  "[{}, {}) with {} control ids is not a range of the {} ids", config.vocab_begin,
                  config.vocab_end, config.control_ids, vocab_size);
    for (const std::int32_t id : config.extra_ids)
        LINVOX_ASSERT(id >= 0 && id < vocab_size && (id < config.vocab_begin || id >= config.vocab_end),
                      "the extra id {} lies in [{}, {}) or outside the {} ids", id, config.vocab_begin,
                      config.vocab_end, vocab_size);
    return {config.vocab_begin, config.vocab_end, config.vocab_begin + config.control_ids, config.extra_ids};
}

void check_request(const GenerationRequest& request, const SamplingRange& range, const ModelConfig& config,
                   std::int64_t max_tokens) {
    const GenerationPlan& plan = request.plan;
    LINVOX_REQUIRE(!plan.prompt_ids.empty(), DataError, "request '{}': the prompt is empty", request.id);
    const bool aligned = plan.boundary_id >= 0;
    LINVOX_REQUIRE(!aligned || !plan.forced.empty(), DataError, "request '{}': has no text unit to speak",
                   request.id);
    LINVOX_REQUIRE(aligned || !end_ids(request).empty(), DataError, "request '{}': no id ends its answer",
                   request.id);
    for (const std::int32_t end_id : end_ids(request))
        LINVOX_REQUIRE(range.column(end_id) >= 0, DataError,
                       "request '{}': the {} id {} lies outside the ids that may be sampled, [{}, {})",
                       request.id, aligned ? "boundary" : "stop", end_id, range.begin, range.end);
    std::vector<std::int32_t> ids = plan.prompt_ids;
    for (const auto& forced : plan.forced) ids.insert(ids.end(), forced.begin(), forced.end());
    for (const std::int32_t id : ids)
        LINVOX_REQUIRE(id >= 0 && id < config.vocab_size, DataError,
                       "request '{}': the id {} lies outside the model's vocabulary of {}", request.id, id,
                       config.vocab_size);
    const auto prompt = static_cast<std::int64_t>(plan.prompt_ids.size());
    const auto forced = static_cast<std::int64_t>(aligned ? plan.forced[0].size() : 0);
    LINVOX_REQUIRE(
        prompt + forced < config.max_position_embeddings, DataError,
        "request '{}': {} prompt tokens leave no room in the model's context of {}; shorten the prompt",
        request.id, prompt + forced, config.max_position_embeddings);
    LINVOX_REQUIRE(forced < max_tokens, DataError,
                   "request '{}': max_tokens is {}, the first unit alone feeds {}; raise it", request.id,
                   max_tokens, forced);
}

}  // namespace linvox

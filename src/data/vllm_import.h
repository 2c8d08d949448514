// Candidates that vLLM generated, one RequestOutput a line as its offline scripts dump them:
//   {"request_id": "7", "prompt": "..", "prompt_token_ids": [..], "outputs": [{"index": 0, "text": "..",
//    "token_ids": [..], "cumulative_logprob": -31.4, "finish_reason": "stop", "stop_reason": 128261}, ..]}
// (vllm/outputs.py, vLLM 0.10). "logprobs" with the sampled tokens' own are kept; other keys are passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "src/data/records.h"

namespace linvox {

struct VllmImport {
    std::int64_t vocab_size = 0;         // of the model; 0: only the sign of ids is checked
    std::vector<std::int32_t> stop_ids;  // ids that end an answer
};

/// finish_reason "stop" stays, "length" stays, everything else (abort, none) is `error`. With stop ids, an
/// answer that stopped by itself and came without its stop id gets one: stop_reason where that is an id, else
/// the first. DataError naming file, line and field.
CandidateFile import_vllm(const std::filesystem::path& file, const VllmImport& rules);

}  // namespace linvox

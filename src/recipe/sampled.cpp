#include "src/recipe/sampled.h"

namespace linvox {

SamplingConfig restrict_to_speech(SamplingConfig sampling, const Vocabulary& vocabulary) {
    sampling.vocab_begin = vocabulary.next();
    sampling.vocab_end = vocabulary.size();
    return sampling;
}

std::vector<std::int32_t> stop_ids(const Vocabulary& vocabulary, const std::string& layout) {
    if (layout == "aligned") return {};
    return {vocabulary.eos()};
}

Candidate to_candidate(GenerationResult&& result, const GenerationRequest& request,
                       const SamplingConfig& sampling, const std::string& model_digest) {
    Candidate candidate;
    candidate.answer = std::move(result.answer);
    candidate.finish = result.finish == "stop" ? Finish::stop : Finish::length;
    candidate.seed = static_cast<std::int64_t>(request.seed >> 1);  // JSON readers take 63 bits
    candidate.temperature = sampling.temperature;
    candidate.top_p = sampling.top_p;
    candidate.top_k = sampling.top_k;
    candidate.model = model_digest;
    candidate.meta = {{"capped_units", static_cast<double>(result.capped_units)},
                      {"logprob_sum", result.logprob_sum},
                      {"scored_tokens", static_cast<double>(result.scored_tokens)}};
    return candidate;
}

}  // namespace linvox

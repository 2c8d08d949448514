// From generation to records: what the candidates and synthesise stages share.
#pragma once

#include <string>

#include "src/data/records.h"
#include "src/generate/generate.h"
#include "src/text/vocabulary.h"

namespace linvox {

/// The settings with sampling limited to NEXT, EOS and codes.
SamplingConfig restrict_to_speech(SamplingConfig sampling, const Vocabulary& vocabulary);

/// The ids that end an answer: EOS in the plain layout. In the aligned one none: NEXT also stands inside.
std::vector<std::int32_t> stop_ids(const Vocabulary& vocabulary, const std::string& layout);

Candidate to_candidate(GenerationResult&& result, const GenerationRequest& request,
                       const SamplingConfig& sampling, const std::string& model_digest);

}  // namespace linvox

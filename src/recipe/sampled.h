// From generation to records: what the candidates, synthesise and answer stages share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/data/records.h"
#include "src/generate/generate.h"
#include "src/recipe/stage.h"
#include "src/text/vocabulary.h"

namespace linvox {

/// The settings with sampling limited to NEXT, EOS and codes.
SamplingConfig restrict_to_speech(SamplingConfig sampling, const Vocabulary& vocabulary);

/// A prompt to sample answers for; `record` has what is known of it, and gets the answers.
struct CandidatePrompt {
    CandidateRecord record;
    GenerationPlan plan;
};

/// Samples `per_prompt` answers of the SFT model to every prompt into candidates.jsonl of the stage, each
/// record appended when its last answer is there; prompts that a stopped run has written are left out.
/// `header` gets the model's digest.
void sample_candidates(const StageContext& context, std::vector<CandidatePrompt> prompts,
                       std::int64_t per_prompt, const SamplingConfig& sampling, RecordHeader header);

/// The ids that end an answer: EOS in the plain layout. In the aligned one none: NEXT also stands inside.
std::vector<std::int32_t> stop_ids(const Vocabulary& vocabulary, const std::string& layout);

Candidate to_candidate(GenerationResult&& result, const GenerationRequest& request,
                       const SamplingConfig& sampling, const std::string& model_digest);

}  // namespace linvox

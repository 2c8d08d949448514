#include "src/recipe/sampled.h"

#include <set>

#include "src/base/log.h"
#include "src/model/model_directory.h"

namespace linvox {

SamplingConfig restrict_to_speech(SamplingConfig sampling, const Vocabulary& vocabulary) {
    sampling.vocab_begin = vocabulary.next();
    sampling.vocab_end = vocabulary.size();
    return sampling;
}

void sample_candidates(const StageContext& context, std::vector<CandidatePrompt> prompts,
                       std::int64_t per_prompt, const SamplingConfig& sampling, RecordHeader header) {
    const Decoder decoder = load_model_directory(context.run.stage("sft") / "model");
    const std::string model = decoder_digest(decoder);
    header.digests["model"] = model;
    const std::vector<std::int32_t> stop_ids = header.stop_ids;
    CandidateAppender file(context.folder / "candidates.jsonl", std::move(header));
    std::set<std::string> done;
    for (const CandidateRecord& record : file.found()) done.insert(record.info.id);
    std::erase_if(prompts, [&](const CandidatePrompt& p) { return done.contains(p.record.info.id); });

    const auto count = static_cast<std::size_t>(per_prompt);
    std::vector<GenerationRequest> requests;
    for (const CandidatePrompt& prompt : prompts)
        for (std::size_t k = 0; k < count; ++k)
            requests.push_back({prompt.record.info.id, prompt.plan,
                                mix_seed(static_cast<std::uint64_t>(context.config.seed), "candidate",
                                         prompt.record.info.id, k),
                                stop_ids});
    std::vector<std::size_t> open(prompts.size(), count);
    for (CandidatePrompt& prompt : prompts) prompt.record.candidates.resize(count);
    Progress progress("candidates", "samples", static_cast<std::int64_t>(requests.size()));
    std::int64_t finished = 0;
    generate(decoder, requests, sampling, [&](std::size_t index, GenerationResult&& result) {
        CandidatePrompt& prompt = prompts[index / count];
        prompt.record.candidates[index % count] =
            to_candidate(std::move(result), requests[index], sampling, model);
        if (--open[index / count] == 0) file.append(prompt.record);
        progress.update(++finished);
    });
    file.close();
    progress.finish();
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
    candidate.token_logprobs = std::move(result.token_logprobs);
    candidate.meta = {{"capped_units", static_cast<double>(result.capped_units)},
                      {"logprob_sum", result.logprob_sum},
                      {"scored_tokens", static_cast<double>(result.scored_tokens)}};
    return candidate;
}

}  // namespace linvox

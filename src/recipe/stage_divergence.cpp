// divergence: sample the held-out prompts from every aligned model and score the samples under it and
// under SFT.
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/generate/generate.h"
#include "src/model/model_directory.h"
#include "src/recipe/divergence.h"
#include "src/recipe/prepared.h"
#include "src/recipe/sampled.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/train/align_reference.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

/// The model's own distribution: nothing barred, nothing cut off.
SamplingConfig untouched_sampling(const RecipeConfig& config, const Vocabulary& vocabulary) {
    SamplingConfig sampling;
    sampling.temperature = 1.0;
    sampling.max_tokens = config.synthesise.sampling.max_tokens;
    sampling.max_codes_per_unit = sampling.max_tokens;
    sampling.min_codes_per_unit = 0;
    sampling.batch_rows = config.synthesise.sampling.batch_rows;
    return restrict_to_speech(sampling, vocabulary);
}

/// All samples of a clip share one prompt.
std::vector<SequenceGroup> sample_answers(const Decoder& policy, const std::vector<PreparedClip>& clips,
                                          const Vocabulary& vocabulary, const RecipeConfig& config) {
    const auto samples = static_cast<std::size_t>(config.divergence.samples);
    std::vector<SequenceGroup> groups;
    std::vector<GenerationRequest> requests;
    for (const PreparedClip& clip : clips) {
        const GenerationPlan plan = make_plan(vocabulary, config.data.layout, clip.units);
        groups.push_back({clip.id, plan.prompt_ids, std::vector<TokenSequence>(samples)});
        for (std::size_t s = 0; s < samples; ++s)
            requests.push_back(
                {clip.id, plan, mix_seed(static_cast<std::uint64_t>(config.seed), "divergence", clip.id, s)});
    }
    generate(policy, requests, untouched_sampling(config, vocabulary),
             [&](std::size_t i, GenerationResult&& result) {
                 groups[i / samples].answers[i % samples] = std::move(result.answer);
             });
    return groups;
}

std::vector<Divergence> measure(const std::string& system, const Decoder& policy, const Decoder& sft,
                                const std::vector<SequenceGroup>& groups, const ScoreConfig& score,
                                std::int64_t token_budget) {
    const auto scored_by = [&](const Decoder& decoder) {
        return score_reference(decoder, groups, score, token_budget, ReferenceDetail::sums);
    };
    const ReferenceScores own = scored_by(policy), base = scored_by(sft);
    std::vector<Divergence> divergences;
    for (const SequenceGroup& group : groups)
        for (std::size_t s = 0; s < group.answers.size(); ++s) {
            const std::string key = answer_digest(group.prompt_ids, group.answers[s]);
            divergences.push_back({system, fmt::format("{}.{}", group.id, s),
                                   own.at(key).logprob_sum - base.at(key).logprob_sum,
                                   own.at(key).token_count});
        }
    return divergences;
}

}  // namespace

void stage_divergence(const StageContext& context) {
    const RecipeConfig& config = context.config;
    std::vector<Divergence> divergences;
    if (config.divergence.samples > 0) {
        const auto prepare = context.run.stage("prepare");
        const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
        const auto clips = with_role(read_prepared(prepare / "prepared.jsonl"), Role::held_out);
        const Decoder sft = load_model_directory(context.run.stage("sft") / "model");
        for (const AlignRun& run : config.align) {
            const Decoder policy = load_model_directory(context.run.stage("align") / run.name / "model");
            const ScoreConfig score =
                align_score_config(run.train, {vocabulary.next(), vocabulary.size(), {}});
            const auto groups = sample_answers(policy, clips, vocabulary, config);
            const auto measured = measure(run.name, policy, sft, groups, score, run.train.token_budget);
            double log_ratio = 0, tokens = 0;
            for (const Divergence& d : measured) {
                log_ratio += d.log_ratio;
                tokens += static_cast<double>(d.tokens);
            }
            log_line(fmt::format("  {}: KL to SFT {:.4f} nats a token", run.name, log_ratio / tokens));
            divergences.insert(divergences.end(), measured.begin(), measured.end());
        }
    }
    write_divergences(context.folder / "divergence.jsonl", divergences);
}

}  // namespace linvox

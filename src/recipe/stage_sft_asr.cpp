// sft (asr): train the decoder LM from scratch to write down what the codes say.
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/model/model_directory.h"
#include "src/recipe/probe_watch.h"
#include "src/recipe/splice.h"
#include "src/recipe/stages.h"
#include "src/recipe/transcripts.h"
#include "src/train/sft.h"

namespace linvox {
namespace {

/// One pass over the training clips in random codings, a share of them spliced from the words of several.
std::vector<SequenceGroup> heard_examples(const std::vector<PreparedClip>& clips,
                                          const Vocabulary& vocabulary, const RecipeConfig& config,
                                          Rng& rng) {
    const TranscriptLayout layout = transcript_layout(config);
    std::vector<SequenceGroup> groups;
    for (const PreparedClip& clip : clips) {
        if (layout.aligned && rng.uniform() < config.splice.share) {
            const SplicedUtterance spliced = splice(clips, config.splice, true, rng);
            groups.push_back(
                to_group("spliced", lay_out_transcript(vocabulary, layout, spliced.units, spliced.codes)));
            continue;
        }
        const std::vector<std::int32_t>& codes = clip.variants[rng.below(clip.variants.size())].codes;
        const auto units = rescale_units(clip.units, static_cast<std::int32_t>(clip.codes().size()),
                                         static_cast<std::int32_t>(codes.size()));
        if (units.empty()) continue;  // a squeezed coding with fewer codes than units
        groups.push_back(to_group(clip.id, lay_out_transcript(vocabulary, layout, units, codes)));
    }
    return groups;
}

std::vector<SequenceGroup> watched_examples(const std::vector<PreparedClip>& clips,
                                            const Vocabulary& vocabulary, const TranscriptLayout& layout) {
    std::vector<SequenceGroup> groups;
    for (const PreparedClip& clip : with_role(clips, Role::watch))
        groups.push_back(to_group(clip.id, transcript_of(clip, vocabulary, layout)));
    return groups;
}

void check_fits(const std::vector<PreparedClip>& clips, const Vocabulary& vocabulary,
                const TranscriptLayout& layout, std::int64_t context) {
    for (const PreparedClip& clip : clips) {
        const std::int64_t tokens =
            longest_sequence(to_group(clip.id, transcript_of(clip, vocabulary, layout)));
        LINVOX_REQUIRE(tokens <= context, DataError,
                       "clip '{}' takes {} tokens, more than model.max_position_embeddings = {}; raise it or "
                       "lower data.max_duration_s",
                       clip.id, tokens, context);
    }
}

}  // namespace

void stage_sft_asr(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    const TranscriptLayout layout = transcript_layout(config);
    const auto clips = read_prepared(prepare / "prepared.jsonl");
    const auto training = with_role(clips, Role::train);
    check_fits(clips, vocabulary, layout, config.model.shape.max_position_embeddings);
    ModelConfig shape = config.model.shape;
    shape.vocab_size = vocabulary.size();
    shape.bos_token_id = Vocabulary::bos;
    shape.eos_token_ids = {vocabulary.eos()};
    Decoder decoder = make_decoder(shape, mix_seed(static_cast<std::uint64_t>(config.seed), "weights"));
    log_line(fmt::format("  {:.2f} M weights, {} training clips",
                         static_cast<double>(weight_count(decoder)) / 1e6, training.size()));
    SftData data;
    data.epoch = [&](int, Rng& rng) { return heard_examples(training, vocabulary, config, rng); };
    data.validation = watched_examples(clips, vocabulary, layout);
    const Span range = transcript_range(vocabulary, layout);
    data.softmax = {range.begin, range.end, {}};
    data.code_begin = vocabulary.codec_start();
    data.code_end = vocabulary.size();
    data.identity = {{"prepared", sha256_file(prepare / "prepared.jsonl")}};
    const TrainRun run{context.folder / "checkpoints", true, [&](std::int64_t resume_step) {
                           return watch_training(context, context.folder, decoder, resume_step);
                       }};
    const TrainResult result = train_sft(decoder, data, config.sft, run);
    save_model_directory(context.folder / "model", decoder);
    std::filesystem::remove_all(context.folder / "checkpoints");
    log_line(fmt::format("  {} steps, best validation {:.3f} nats per token at step {}", result.steps,
                         result.best_loss, result.best_step));
}

}  // namespace linvox

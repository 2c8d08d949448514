// sft: train the decoder LM from scratch on the laid-out training clips, with augmentation.
#include <fmt/format.h>

#include <cmath>

#include "audio/codec/mel_codec.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/log.h"
#include "src/recipe/prepared.h"
#include "src/recipe/splice.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/train/sft.h"

namespace linvox {
namespace {

/// One pass over the training clips: each as a random coding of itself, or replaced by a spliced one.
std::vector<SequenceGroup> epoch_examples(const std::vector<PreparedClip>& clips,
                                          const Vocabulary& vocabulary, const RecipeConfig& config,
                                          Rng& rng) {
    const bool aligned = config.data.layout == "aligned";
    std::vector<SequenceGroup> groups;
    for (const PreparedClip& clip : clips) {
        if (aligned && rng.uniform() < config.splice.share) {
            const SplicedUtterance spliced = splice(clips, config.splice, true, rng);
            groups.push_back(
                to_group("spliced", lay_out(vocabulary, "aligned", spliced.units, spliced.codes)));
            continue;
        }
        const CodedVariant& variant = clip.variants[rng.below(clip.variants.size())];
        const auto units =
            aligned ? rescale_units(clip.units, static_cast<std::int32_t>(clip.variants[0].codes.size()),
                                    static_cast<std::int32_t>(variant.codes.size()))
                    : clip.units;
        if (units.empty()) continue;  // a squeezed coding with fewer codes than units
        groups.push_back(to_group(clip.id, lay_out(vocabulary, config.data.layout, units, variant.codes)));
    }
    return groups;
}

std::vector<SequenceGroup> validation_examples(const std::vector<PreparedClip>& clips,
                                               const Vocabulary& vocabulary, const std::string& layout) {
    std::vector<SequenceGroup> groups;
    for (const PreparedClip& clip : clips)
        groups.push_back(to_group(clip.id, lay_out(vocabulary, layout, clip.units, clip.codes())));
    return groups;
}

/// Every clip must fit the context before an hour of training finds the one that does not.
void check_context(const std::vector<PreparedClip>& clips, const Vocabulary& vocabulary,
                   const std::string& layout, std::int64_t context) {
    for (const PreparedClip& clip : clips) {
        if (clip.role == Role::held_out) continue;
        const LaidOut laid_out = lay_out(vocabulary, layout, clip.units, clip.codes());
        const std::size_t tokens = laid_out.prompt_ids.size() + laid_out.answer.ids.size();
        LINVOX_REQUIRE(static_cast<std::int64_t>(tokens) <= context, DataError,
                       "clip '{}' takes {} tokens, more than model.max_position_embeddings = {}; raise it or "
                       "lower data.max_duration_s",
                       clip.id, tokens, context);
    }
}

/// Codes that sound alike start alike: their embeddings begin as a random rotation of the codec's own
/// log-mel centroids, in the scale of the other rows. With minutes of speech most codes are seen a few
/// dozen times, too seldom to learn from scratch which of them are neighbours.
void init_code_embeddings(Decoder& decoder, const Vocabulary& vocabulary, const MelCodec& codec,
                          std::uint64_t seed) {
    constexpr std::size_t kDim = MelCodec::kFramesPerCode * MelCodec::kBands;
    constexpr double kScale = 0.02;  // the standard deviation of fresh embeddings (make_decoder)
    const std::vector<float>& mel = codec.code_log_mel();
    const std::size_t codes = mel.size() / kDim;
    std::vector<double> mean(kDim, 0.0);
    for (std::size_t i = 0; i < mel.size(); ++i) mean[i % kDim] += mel[i] / static_cast<double>(codes);
    double variance = 0;
    for (std::size_t i = 0; i < mel.size(); ++i)
        variance += (mel[i] - mean[i % kDim]) * (mel[i] - mean[i % kDim]);
    const double scale =
        kScale / std::sqrt(variance / static_cast<double>(codes));  // of a projected row's entries

    Rng rng(seed);
    const auto width = static_cast<std::size_t>(decoder.config.hidden_size);
    std::vector<double> projection(kDim * width);
    for (double& value : projection) value = rng.normal() * scale;
    auto* rows = decoder.embedding_VD.mutable_data_ptr<float>() +
                 static_cast<std::size_t>(vocabulary.codec_start()) * width;
    for (std::size_t c = 0; c < codes; ++c)
        for (std::size_t d = 0; d < width; ++d) {
            double sum = 0;
            for (std::size_t i = 0; i < kDim; ++i)
                sum += (mel[c * kDim + i] - mean[i]) * projection[i * width + d];
            rows[c * width + d] = static_cast<float>(sum);
        }
}

}  // namespace

void stage_sft(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
    const auto clips = read_prepared(prepare / "prepared.jsonl");
    const auto training = with_role(clips, Role::train);

    check_context(clips, vocabulary, config.data.layout, config.model.shape.max_position_embeddings);
    Decoder decoder = initial_decoder(config, vocabulary.size(), Vocabulary::bos, vocabulary.eos());
    if (config.model.init_codes_from_codec)
        init_code_embeddings(decoder, vocabulary, *load_mel_codec(context.run.stage("codec") / "codec"),
                             mix_seed(static_cast<std::uint64_t>(config.seed), "code embeddings"));
    log_line(fmt::format("  {:.2f} M weights, {} training clips",
                         static_cast<double>(weight_count(decoder)) / 1e6, training.size()));
    SftData data;
    data.epoch = [&](int, Rng& rng) { return epoch_examples(training, vocabulary, config, rng); };
    data.validation = validation_examples(with_role(clips, Role::watch), vocabulary, config.data.layout);
    data.softmax = {vocabulary.next(), vocabulary.size(), {}};
    data.code_begin = vocabulary.codec_start();
    data.code_end = vocabulary.size();
    data.identity = {{"prepared", sha256_file(prepare / "prepared.jsonl")}};
    train_start_model(context, std::move(decoder), data);
}

}  // namespace linvox

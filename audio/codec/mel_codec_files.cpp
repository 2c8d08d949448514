// The folder of a melkm codec: codec.json, tokenizer.safetensors, decoder.safetensors.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "audio/codec/mel_codec.h"
#include "audio/codec/mel_codec_state.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/safetensors.h"

namespace linvox {
namespace {

constexpr const char* kDescription = "codec.json";
constexpr const char* kTokenizer = "tokenizer.safetensors";
constexpr const char* kDecoder = "decoder.safetensors";

at::Tensor copied(const std::vector<float>& values, at::IntArrayRef shape) {
    return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat).clone();
}

/// Numbers of the front end, as they stand in codec.json. A file that says otherwise cannot be used.
nlohmann::json front_end() {
    return {{"sample_rate_hz", kMelSampleRate},
            {"fft", kMelFft},
            {"window", kMelWindow},
            {"hop", kMelHop},
            {"bands", kMelBands},
            {"stack", kMelStack},
            {"floor", kMelFloor},
            {"stack_order", "2 * band + frame"}};
}

/// A checked tensor file: every access names file and tensor, and what is left over is an error.
class CheckedTensors {
public:
    explicit CheckedTensors(std::filesystem::path path)
        : path_(std::move(path)), tensors_(load_safetensors(path_)) {}

    at::Tensor take(const std::string& name, at::IntArrayRef shape) {
        const auto found = tensors_.find(name);
        LINVOX_REQUIRE(found != tensors_.end(), UserError, "{}: tensor '{}' {} is missing", path_.string(),
                       name, shape_text(shape));
        const at::Tensor tensor = found->second;
        LINVOX_REQUIRE(tensor.scalar_type() == at::kFloat, UserError, "{}: tensor '{}' must be F32, found {}",
                       path_.string(), name, c10::toString(tensor.scalar_type()));
        LINVOX_REQUIRE(tensor.sizes() == shape, UserError, "{}: tensor '{}' must have shape {}, found {}",
                       path_.string(), name, shape_text(shape), shape_text(tensor.sizes()));
        LINVOX_REQUIRE(at::isfinite(tensor).all().item<bool>(), DataError, "{}: tensor '{}' holds NaN or Inf",
                       path_.string(), name);
        tensors_.erase(found);
        return tensor.clone();
    }
    std::vector<float> take_values(const std::string& name, at::IntArrayRef shape) {
        const at::Tensor tensor = take(name, shape).contiguous();
        const float* values = tensor.const_data_ptr<float>();
        return {values, values + tensor.numel()};
    }
    void finish() const {
        LINVOX_REQUIRE(tensors_.empty(), UserError, "{}: tensor '{}' is not part of a melkm codec",
                       path_.string(), tensors_.begin()->first);
    }

private:
    static std::string shape_text(at::IntArrayRef shape) {
        return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
    }
    std::filesystem::path path_;
    TensorMap tensors_;
};

/// Typed reads from codec.json.
template <typename T>
T field(const nlohmann::json& object, const char* key, const std::filesystem::path& path) {
    try {
        return object.at(key).get<T>();
    } catch (const nlohmann::json::exception& e) {
        throw UserError(fmt::format("{}: \"{}\": {}", path.string(), key, e.what()));
    }
}

MelTokenizer load_tokenizer(const std::filesystem::path& directory, const nlohmann::json& description) {
    const std::filesystem::path path = directory / kDescription;
    MelTokenizer t{.dimensions = field<int>(description, "dimensions", path),
                   .codebook_size = field<int>(description, "codebook_size", path)};
    LINVOX_REQUIRE(t.dimensions >= 1 && t.dimensions <= kMelStacked && t.codebook_size >= 1 &&
                       t.codebook_size <= 1 << 24,
                   UserError, "{}: {} dimensions and a book of {} cannot be", path.string(), t.dimensions,
                   t.codebook_size);
    CheckedTensors tensors(directory / kTokenizer);
    t.mel_mean = tensors.take_values("mel.mean", {})[0];
    t.mel_std = tensors.take_values("mel.std", {})[0];
    t.pca_mean = tensors.take_values("pca.mean", {kMelStacked});
    t.pca_basis = tensors.take_values("pca.basis", {kMelStacked, t.dimensions});
    t.centroids = tensors.take_values("centroids", {t.codebook_size, t.dimensions});
    tensors.finish();
    return t;
}

MelDecoder load_decoder(const std::filesystem::path& directory, const nlohmann::json& description,
                        const MelTokenizer& tokenizer) {
    const std::filesystem::path path = directory / kDescription;
    const auto vocoder = field<std::string>(description, "vocoder", path);
    const auto channels = field<int>(description, "channels", path);
    LINVOX_REQUIRE(vocoder == kVocoders[0] || vocoder == kVocoders[1], UserError,
                   "{}: vocoder '{}' is not one of {} {}", path.string(), vocoder, kVocoders[0],
                   kVocoders[1]);
    LINVOX_REQUIRE(channels >= 1 && channels <= 4096, UserError, "{}: {} channels cannot be", path.string(),
                   channels);
    MelDecoder decoder = make_mel_decoder(centroid_tensor(tokenizer), channels, vocoder, 0);
    CheckedTensors tensors(directory / kDecoder);
    decoder.visit(WeightVisitor(
        [&](const std::string& name, at::Tensor& weight) { weight = tensors.take(name, weight.sizes()); }));
    tensors.finish();
    return decoder;
}

void require_digest(const nlohmann::json& description, const char* key, const std::string& found,
                    const std::filesystem::path& directory, const char* file) {
    const auto expected = field<std::string>(description, key, directory / kDescription);
    LINVOX_REQUIRE(expected == found, UserError,
                   "{}: the digest is {}, but {} says {}: the files do not belong together or were changed",
                   (directory / file).string(), found, kDescription, expected);
}

}  // namespace

void save_mel_codec(const MelCodec& codec, const std::filesystem::path& directory) {
    const MelCodec::State& state = codec.state();
    const MelTokenizer& t = state.tokenizer;
    const CodecInfo& info = codec.info();
    const nlohmann::json description = {{"name", info.name},
                                        {"version", 1},
                                        {"front_end", front_end()},
                                        {"frame_rate", info.frame_rate},
                                        {"dimensions", t.dimensions},
                                        {"codebook_size", t.codebook_size},
                                        {"vocoder", state.decoder.vocoder},
                                        {"channels", state.decoder.channels},
                                        {"seed", state.seed},
                                        {"data_digest", state.data_digest},
                                        {"digest", info.digest},
                                        {"decoder_digest", info.decoder_digest}};
    TensorMap tokenizer = {{"mel.mean", copied({t.mel_mean}, {})},
                           {"mel.std", copied({t.mel_std}, {})},
                           {"pca.mean", copied(t.pca_mean, {kMelStacked})},
                           {"pca.basis", copied(t.pca_basis, {kMelStacked, t.dimensions})},
                           {"centroids", copied(t.centroids, {t.codebook_size, t.dimensions})}};
    TensorMap decoder;
    state.decoder.visit(ConstWeightVisitor(
        [&](const std::string& name, const at::Tensor& weight) { decoder[name] = weight.detach(); }));
    write_directory_atomic(directory, [&](const std::filesystem::path& folder) {
        save_safetensors(folder / kTokenizer, tokenizer, {{"format", "melkm 1"}});
        save_safetensors(folder / kDecoder, decoder,
                         {{"format", "melkm 1"}, {"tokenizer_digest", info.digest}});
        write_json(folder / kDescription, description);
    });
}

std::unique_ptr<MelCodec> load_mel_codec(const std::filesystem::path& directory) {
    const std::filesystem::path path = directory / kDescription;
    const nlohmann::json description = read_json(path);
    LINVOX_REQUIRE(description.is_object(), UserError, "{}: a JSON object must stand here", path.string());
    LINVOX_REQUIRE(field<std::string>(description, "name", path) == "melkm" &&
                       field<int>(description, "version", path) == 1,
                   UserError, "{}: only version 1 of codec melkm can be read", path.string());
    const auto found = field<nlohmann::json>(description, "front_end", path);
    LINVOX_REQUIRE(found == front_end(), UserError, "{}: the front end must be {}, found {}", path.string(),
                   front_end().dump(), found.dump());
    MelTokenizer tokenizer = load_tokenizer(directory, description);
    require_digest(description, "digest", tokenizer_digest(tokenizer), directory, kTokenizer);
    const auto metadata = safetensors_metadata(directory / kDecoder);
    const auto of_tokenizer = metadata.find("tokenizer_digest");
    LINVOX_REQUIRE(of_tokenizer != metadata.end() && of_tokenizer->second == tokenizer_digest(tokenizer),
                   UserError, "{}: made for tokenizer {}, but {} has {}", (directory / kDecoder).string(),
                   of_tokenizer == metadata.end() ? "(none named)" : of_tokenizer->second, kTokenizer,
                   tokenizer_digest(tokenizer));
    MelDecoder decoder = load_decoder(directory, description, tokenizer);
    require_digest(description, "decoder_digest", decoder_digest(decoder), directory, kDecoder);
    return std::make_unique<MelCodec>(make_mel_codec_state(
        std::move(tokenizer), std::move(decoder), field<std::int64_t>(description, "seed", path),
        field<std::string>(description, "data_digest", path)));
}

}  // namespace linvox

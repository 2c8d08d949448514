#include "audio/codec/mel_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/model/safetensors.h"
#include "tests/audio/codec/small_codec.h"

namespace linvox {
namespace {

using testing::HasSubstr;

std::filesystem::path folder(const std::string& name) {
    const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / ("mel_codec_" + name);
    std::filesystem::remove_all(path);
    return path;
}

/// The message of the UserError that `work` must throw.
template <typename Error = UserError, typename Work>
std::string message(const Work& work) {
    try {
        work();
    } catch (const Error& e) {
        return e.what();
    }
    return "no error";
}

TEST(MelCodec, InfoAndLengths) {
    const MelCodec codec = small_codec();
    EXPECT_EQ(codec.info().name, "melkm");
    EXPECT_EQ(codec.info().hop, 320);
    EXPECT_DOUBLE_EQ(codec.info().frame_rate, 50.0);
    EXPECT_EQ(codec.info().codebook_size, std::vector<int>{24});
    for (const std::size_t samples : {1u, 640u, 641u, 5000u}) {
        const Codes codes = codec.encode(test_tone(samples));
        ASSERT_EQ(codes.stream.size(), 1u);
        EXPECT_EQ(codes.stream[0].size(), std::max<std::size_t>(2, (samples + 319) / 320));
        EXPECT_EQ(codec.decode(codes).size(), codes.stream[0].size() * 320);
    }
}

TEST(MelCodec, VariantsMoveTheGrid) {
    const MelCodec codec = small_codec();
    const std::vector<float> wave = test_tone(16000);
    EXPECT_EQ(codec.encode(wave, {}), codec.encode(wave));
    EXPECT_EQ(codec.encode(wave, {.stretch = 1.1}).stream[0].size(), 55u);
    EXPECT_EQ(codec.encode(wave, {.stretch = 0.9, .shift_frames = 1}).stream[0].size(), 44u);
    // One code is two mel frames: a shift by two drops the first code and changes nothing else.
    const std::vector<std::int32_t> all = codec.encode(wave).stream[0];
    EXPECT_EQ(codec.encode(wave, {.shift_frames = 2}).stream[0],
              std::vector<std::int32_t>(all.begin() + 1, all.end()));
}

TEST(MelCodec, LogMelOfCodesAndWaves) {
    const MelCodec codec = small_codec();
    EXPECT_EQ(codec.code_log_mel().size(), 24u * 2 * 80);
    EXPECT_EQ(codec.log_mel(test_tone(1000)).size(), 4u * 2 * 80);
}

TEST(MelCodec, SilenceIsValidAndBadWavesAreNot) {
    const MelCodec codec = small_codec();
    const Codes silence = codec.encode(std::vector<float>(3200, 0.0f));
    EXPECT_EQ(silence.stream[0], std::vector<std::int32_t>(10, silence.stream[0][0]));
    EXPECT_THROW(codec.encode({}), DataError);
}

TEST(MelCodec, BadCodesAreNamed) {
    const MelCodec codec = small_codec();
    EXPECT_THAT(message<DataError>([&] {
                    codec.decode({.stream = {{1, 2, 24}}});
                }),
                HasSubstr("code 24 at position 2 is outside [0, 24)"));
    EXPECT_THAT(message<DataError>([&] { codec.decode({.stream = {{-1}}}); }),
                HasSubstr("code -1 at position 0"));
    EXPECT_THAT(message<DataError>([&] { codec.decode({.stream = {{}}}); }), HasSubstr("no codes"));
    EXPECT_THAT(message<DataError>([&] {
                    codec.decode({.stream = {{1}, {1}}});
                }),
                HasSubstr("1 code stream, got 2"));
}

TEST(MelCodec, ThreadsShareACodec) {
    const MelCodec codec = small_codec();
    const std::vector<float> wave = test_tone(8000);
    const Codes expected = codec.encode(wave);
    const std::vector<float> expected_wave = codec.decode(expected);
    std::vector<int> same(4, 0);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back(
            [&, i] { same[i] = codec.encode(wave) == expected && codec.decode(expected) == expected_wave; });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(same, std::vector<int>(4, 1));
}

TEST(MelCodec, SavedAndLoadedIsTheSameCodec) {
    for (const std::string vocoder : {"istft", "griffin-lim"}) {
        const MelCodec codec = small_codec(vocoder);
        const std::filesystem::path path = folder("same_" + vocoder);
        save_mel_codec(codec, path);
        const std::unique_ptr<Codec> loaded = load_codec(path);
        EXPECT_EQ(loaded->info().digest, codec.info().digest);
        EXPECT_EQ(loaded->info().decoder_digest, codec.info().decoder_digest);
        const std::vector<float> wave = test_tone(4000);
        EXPECT_EQ(loaded->encode(wave), codec.encode(wave));
        EXPECT_EQ(loaded->decode(codec.encode(wave)), codec.decode(codec.encode(wave)));
        EXPECT_EQ(load_mel_codec(path)->code_log_mel(), codec.code_log_mel());
    }
}

class BrokenCodecFolder : public testing::Test {
protected:
    void SetUp() override {
        path_ = folder("broken");
        save_mel_codec(small_codec(), path_);
    }
    std::string load_error() {
        return message([&] { load_codec(path_); });
    }
    void change_description(const std::function<void(nlohmann::json&)>& change) {
        nlohmann::json description = read_json(path_ / "codec.json");
        change(description);
        write_json(path_ / "codec.json", description);
    }
    /// Rewrites a tensor file; the file is complete afterwards.
    void change_tensors(const std::string& file, const std::function<void(TensorMap&)>& change) {
        const auto metadata = safetensors_metadata(path_ / file);
        TensorMap tensors = load_safetensors(path_ / file);
        for (auto& [name, tensor] : tensors) tensor = tensor.clone();
        change(tensors);
        save_safetensors(path_ / file, tensors, metadata);
    }
    std::filesystem::path path_;
};

TEST_F(BrokenCodecFolder, Description) {
    change_description([](auto& d) { d["name"] = "melkn"; });
    EXPECT_THAT(load_error(), HasSubstr("codec 'melkn' is not one of: melkm"));
    change_description([](auto& d) { d.erase("name"); });
    EXPECT_THAT(load_error(), HasSubstr("\"name\" is missing"));
    change_description([](auto& d) { d["name"] = "melkm", d["front_end"]["hop"] = 128; });
    EXPECT_THAT(load_error(), HasSubstr("front end"));
    change_description([](auto& d) { d["front_end"]["hop"] = 160, d["channels"] = "many"; });
    EXPECT_THAT(load_error(), HasSubstr("\"channels\""));
    std::filesystem::remove(path_ / "codec.json");
    EXPECT_THAT(load_error(), HasSubstr("codec.json"));
}

TEST_F(BrokenCodecFolder, MissingTensor) {
    change_tensors("decoder.safetensors", [](TensorMap& t) { t.erase("up.bias"); });
    EXPECT_THAT(load_error(),
                testing::AllOf(HasSubstr("decoder.safetensors"), HasSubstr("'up.bias' [8] is missing")));
}

TEST_F(BrokenCodecFolder, ExtraTensor) {
    change_tensors("tokenizer.safetensors", [](TensorMap& t) { t["extra"] = t["mel.mean"].clone(); });
    EXPECT_THAT(load_error(), HasSubstr("'extra' is not part of a melkm codec"));
}

TEST_F(BrokenCodecFolder, ShapeAndDtype) {
    change_tensors("tokenizer.safetensors",
                   [](TensorMap& t) { t["centroids"] = t["centroids"].narrow(0, 0, 23).clone(); });
    EXPECT_THAT(load_error(), HasSubstr("'centroids' must have shape [24, 6], found [23, 6]"));
    change_tensors("tokenizer.safetensors",
                   [](TensorMap& t) { t["centroids"] = t["centroids"].to(at::kDouble); });
    EXPECT_THAT(load_error(), HasSubstr("'centroids' must be F32, found Double"));
}

TEST_F(BrokenCodecFolder, ChangedValues) {
    change_tensors("tokenizer.safetensors", [](TensorMap& t) { t["pca.mean"].fill_(0.5); });
    EXPECT_THAT(load_error(),
                testing::AllOf(HasSubstr("tokenizer.safetensors"), HasSubstr("do not belong together")));
}

TEST_F(BrokenCodecFolder, ChangedDecoder) {
    change_tensors("decoder.safetensors", [](TensorMap& t) { t["in.bias"].fill_(0.5); });
    EXPECT_THAT(load_error(),
                testing::AllOf(HasSubstr("decoder.safetensors"), HasSubstr("do not belong together")));
    change_tensors("decoder.safetensors", [](TensorMap& t) { t["in.bias"].fill_(std::nanf("")); });
    EXPECT_THAT(load_error(), HasSubstr("'in.bias' holds NaN or Inf"));
}

TEST_F(BrokenCodecFolder, DecoderOfAnotherTokenizer) {
    TensorMap tensors = load_safetensors(path_ / "decoder.safetensors");
    for (auto& [name, tensor] : tensors) tensor = tensor.clone();
    save_safetensors(path_ / "decoder.safetensors", tensors, {{"tokenizer_digest", "0123"}});
    EXPECT_THAT(load_error(), HasSubstr("made for tokenizer 0123"));
}

TEST_F(BrokenCodecFolder, TruncatedFile) {
    const std::string bytes = read_file(path_ / "decoder.safetensors");
    std::ofstream(path_ / "decoder.safetensors", std::ios::binary) << bytes.substr(0, bytes.size() / 2);
    EXPECT_THAT(message<DataError>([&] { load_codec(path_); }), HasSubstr("decoder.safetensors"));
}

}  // namespace
}  // namespace linvox

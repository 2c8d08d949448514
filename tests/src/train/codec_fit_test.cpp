#include "src/train/codec_fit.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "audio/wav.h"
#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

/// About 20 s of real speech.
const std::vector<std::vector<float>>& speech() {
    static const std::vector<std::vector<float>> clips = [] {
        std::vector<std::vector<float>> result;
        for (const char* id :
             {"agent-alreadyon", "agent-newlocation", "auth-incorrect", "basic-pbx-ivr-main"}) {
            result.push_back(
                read_wave(std::string(LINVOX_SOURCE_DIR "/samples/prompts-en/audio/") + id + ".opus", 16000)
                    .samples);
        }
        return result;
    }();
    return clips;
}

std::vector<std::span<const float>> views(const std::vector<std::vector<float>>& clips) {
    return {clips.begin(), clips.end()};
}

CodecFitConfig small_config() {
    return {.codebook_size = 48,
            .dimensions = 24,
            .channels = 24,
            .mel_steps = 25,
            .wave_steps = 25,
            .learning_rate = 5e-3,
            .batch = 4,
            .segment = 32,
            .seed = 3};
}

double mean_difference(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += std::abs(a[i] - b[i]);
    return sum / static_cast<double>(std::min(a.size(), b.size()));
}

/// One thread: the work is small, and the tests of other binaries run beside.
class CodecFit : public testing::Test {
protected:
    void SetUp() override { at::set_num_threads(1); }
};

TEST_F(CodecFit, LearnsToDecode) {
    const CodecFitResult fit = fit_codec(views(speech()), small_config());
    EXPECT_EQ(fit.statistics.used, 48);
    EXPECT_GT(fit.explained_variance, 0.9);
    ASSERT_EQ(fit.steps.size(), 50u);
    EXPECT_FALSE(fit.steps[24].wave_stage);
    EXPECT_TRUE(fit.steps[25].wave_stage);
    const auto mean_loss = [&](std::size_t begin, std::size_t end) {
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i) sum += fit.steps[i].loss;
        return sum / static_cast<double>(end - begin);
    };
    EXPECT_LT(mean_loss(45, 50), 0.8 * mean_loss(25, 30));  // waves: the phase starts at random
    // Decoded speech is nearer to the recording in the mel domain than the decoding of shuffled codes.
    Codes codes = fit.codec->encode(speech()[0]);
    const std::vector<float> wanted = fit.codec->log_mel(speech()[0]);
    const double right = mean_difference(fit.codec->log_mel(fit.codec->decode(codes)), wanted);
    Rng(1).shuffle(codes.stream[0]);
    const double shuffled = mean_difference(fit.codec->log_mel(fit.codec->decode(codes)), wanted);
    EXPECT_LT(right, 0.45 * shuffled);
}

TEST_F(CodecFit, TheLinearStartIsUseful) {
    CodecFitConfig config = small_config();
    config.mel_steps = 2, config.wave_steps = 0;
    const CodecFitResult fit = fit_codec(views(speech()), config);
    EXPECT_LT(fit.steps[0].magnitude_loss, 0.6);  // mean |z| of a standardised value is about 0.8
}

TEST_F(CodecFit, TheSameTokenizerForEveryThreadCount) {
    CodecFitConfig config = small_config();
    config.mel_steps = 1, config.wave_steps = 0, config.kmeans_iterations = 2;
    const CodecFitResult one = fit_codec(views(speech()), config);
    const CodecFitResult again = fit_codec(views(speech()), config);
    at::set_num_threads(2);
    const CodecFitResult two = fit_codec(views(speech()), config);
    EXPECT_EQ(one.codec->info().digest, again.codec->info().digest);
    EXPECT_EQ(one.codec->info().decoder_digest, again.codec->info().decoder_digest);
    EXPECT_EQ(one.codec->info().digest, two.codec->info().digest);
    EXPECT_EQ(one.codec->encode(speech()[1]), two.codec->encode(speech()[1]));
    config.seed = 4;
    EXPECT_NE(one.codec->info().digest, fit_codec(views(speech()), config).codec->info().digest);
}

TEST_F(CodecFit, GriffinLimDecoderHasNoPhase) {
    CodecFitConfig config = small_config();
    config.vocoder = "griffin-lim", config.mel_steps = 3;
    const CodecFitResult fit = fit_codec(views(speech()), config);
    EXPECT_EQ(fit.steps.size(), 3u);  // no wave stage without a phase head
    const std::vector<float> wave = fit.codec->decode(fit.codec->encode(speech()[2]));
    EXPECT_GT(*std::max_element(wave.begin(), wave.end()), 0.01f);
}

TEST_F(CodecFit, BadAudioIsRefused) {
    const CodecFitConfig config = small_config();
    EXPECT_THROW(fit_codec({}, config), DataError);
    std::vector<std::vector<float>> clips = {std::vector<float>(32000, 0.0f)};
    EXPECT_THROW(fit_codec(views(clips), config), DataError);  // nothing varies
    clips = speech();
    clips[2][100] = std::numeric_limits<float>::infinity();
    try {
        fit_codec(views(clips), config);
        FAIL();
    } catch (const DataError& e) {
        EXPECT_NE(std::string(e.what()).find("training clip 2: sample 100"), std::string::npos) << e.what();
    }
    clips[2].clear();
    EXPECT_THROW(fit_codec(views(clips), config), DataError);
}

TEST_F(CodecFit, ABookLargerThanTheAudioIsAConfigError) {
    CodecFitConfig config = small_config();
    config.codebook_size = 5000;
    EXPECT_THROW(fit_codec(views(speech()), config), ConfigError);
}

}  // namespace
}  // namespace linvox

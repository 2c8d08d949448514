#include "audio/spectrum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "src/base/error.h"
#include "tests/audio/synthetic_voice.h"

namespace linvox {
namespace {

double weight(const MelFilterbank& bank, std::size_t band, std::size_t bin) {
    const MelFilterbank::Band& b = bank.bands[band];
    return bin >= b.first_bin && bin < b.first_bin + b.weights.size() ? b.weights[bin - b.first_bin] : 0;
}

double total(const MelFilterbank& bank) {
    double sum = 0;
    for (const auto& band : bank.bands) sum = std::accumulate(band.weights.begin(), band.weights.end(), sum);
    return sum;
}

TEST(Window, HasTheRightEnds) {
    EXPECT_DOUBLE_EQ(periodic_hann(8)[4], 1);
    EXPECT_DOUBLE_EQ(periodic_hann(8)[2], 0.5);
    EXPECT_NEAR(symmetric_hann(9)[8], 0, 1e-15);
    EXPECT_NEAR(symmetric_hamming(5)[4], 0.08, 1e-15);
    EXPECT_DOUBLE_EQ(symmetric_hamming(5)[2], 1);
}

// librosa 0.11.0, filters.mel: python tests/eval/oracle.py
TEST(MelFilterbank, AgreesWithLibrosa) {
    const MelFilterbank slaney = mel_filterbank(16000, 1024, 80, 0, 8000, MelScale::slaney, true);
    EXPECT_NEAR(total(slaney), 5.118657633, 1e-9);
    EXPECT_NEAR(weight(slaney, 0, 1), 0.0112672803751, 1e-12);
    EXPECT_NEAR(weight(slaney, 40, 110), 0.0144441763464, 1e-12);
    EXPECT_NEAR(weight(slaney, 79, 500), 0.00210355794182, 1e-12);
    EXPECT_EQ(weight(slaney, 40, 115), 0);
    const MelFilterbank htk = mel_filterbank(16000, 512, 40, 60, 7600, MelScale::htk, false);
    EXPECT_NEAR(total(htk), 232.973255438, 1e-8);
    EXPECT_NEAR(weight(htk, 0, 3), 0.739600272061, 1e-11);
    EXPECT_NEAR(weight(htk, 20, 58), 0.49903933421, 1e-11);
}

// librosa 0.11.0, stft(center, pad_mode="reflect") and filters.mel: python tests/eval/oracle.py
TEST(LogMel, AgreesWithLibrosa) {
    const std::vector<float> mel = log_mel(synthetic_voice({}));
    ASSERT_EQ(mel.size(), 161U * 80);
    EXPECT_NEAR(std::accumulate(mel.begin(), mel.end(), 0.0), -77582.383924, 0.02);
    EXPECT_NEAR(mel[0], -7.53951905577, 1e-5);
    EXPECT_NEAR(mel[17 * 80 + 30], -3.6486400003, 1e-6);
    EXPECT_NEAR(mel[80 * 80 + 79], std::log(1e-4), 1e-6);
    EXPECT_NEAR(mel[160 * 80 + 5], std::log(1e-4), 1e-6);
}

TEST(LogMel, HasOneFrameMoreThanWholeHops) {
    EXPECT_EQ(log_mel(std::vector<float>(640)).size(), 5U * 80);
    EXPECT_EQ(log_mel(std::vector<float>(639)).size(), 4U * 80);
    EXPECT_EQ(log_mel(std::vector<float>(3, 0.1F)).size(), 80U);  // mirrored many times over
    for (float value : log_mel(std::vector<float>(640))) EXPECT_FLOAT_EQ(value, std::log(1e-4F));
    EXPECT_THROW(log_mel({}), BugError);
}

TEST(Spectrogram, CountsCompleteFrames) {
    const StftConfig config{.fft_size = 512, .hop = 160, .window = periodic_hann(400)};
    EXPECT_EQ(power_spectrogram(std::vector<float>(399), config).frames, 0U);
    EXPECT_EQ(power_spectrogram(std::vector<float>(400), config).frames, 1U);
    EXPECT_EQ(power_spectrogram(std::vector<float>(720), config).frames, 3U);
}

TEST(Spectrogram, ReflectionDoesNotRepeatTheEdge) {
    // Rectangular window of the whole frame around sample 0 of 1 2 3 4 5: 3 2 1 2.
    const StftConfig config{.fft_size = 4,
                            .hop = 4,
                            .window = std::vector<double>(4, 1.0),
                            .framing = Framing::reflect,
                            .padding = 2};
    const Spectrogram s = magnitude_spectrogram(std::vector<float>{1, 2, 3, 4, 5}, config);
    ASSERT_EQ(s.frames, 2U);
    EXPECT_DOUBLE_EQ(s.frame(0)[0], 8);
    EXPECT_DOUBLE_EQ(s.frame(0)[2], 0);
    EXPECT_DOUBLE_EQ(s.frame(1)[0], 3 + 4 + 5 + 4);  // 3 4 5 4
}

}  // namespace
}  // namespace linvox

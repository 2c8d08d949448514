#include "audio/codec/mel_tokenizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/hann_window.h>
#include <ATen/ops/stft.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "audio/spectrum.h"
#include "src/base/error.h"
#include "tests/audio/codec/small_codec.h"

namespace linvox {
namespace {

TEST(MelTokenizer, CodeCount) {
    EXPECT_EQ(mel_code_count(1), 2);
    EXPECT_EQ(mel_code_count(640), 2);
    EXPECT_EQ(mel_code_count(641), 3);
    EXPECT_EQ(mel_code_count(3200), 10);
}

// The front end against LibTorch's STFT: magnitudes, then the same mel triangles.
TEST(MelTokenizer, LogMelAgreesWithLibTorch) {
    std::vector<float> wave = test_tone(7000);
    const std::vector<float> frames = codec_log_mel(wave);
    ASSERT_EQ(frames.size(), 22u * 2 * 80);
    wave.resize(22 * 320, 0.0f);
    const at::Tensor window = at::constant_pad_nd(at::hann_window(800, at::kFloat), {112, 112});
    const at::Tensor magnitude =
        at::stft(at::from_blob(wave.data(), {22 * 320}, at::kFloat), 1024, 160, 1024, window, /*center=*/true,
                 "reflect", /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true)
            .abs()
            .t()
            .to(at::kDouble)
            .contiguous();
    const MelFilterbank bank = mel_filterbank(16000, 1024, 80, 0, 8000, MelScale::slaney, true);
    std::vector<double> mel(80);
    for (int t = 0; t < 44; ++t) {
        bank.apply({magnitude.const_data_ptr<double>() + t * 513, 513}, mel);
        for (int b = 0; b < 80; ++b) ASSERT_NEAR(frames[t * 80 + b], std::log(std::max(mel[b], 1e-4)), 1e-4);
    }
}

TEST(MelTokenizer, SilenceIsTheFloor) {
    for (const float value : codec_log_mel(std::vector<float>(100, 0.0f)))
        EXPECT_FLOAT_EQ(value, std::log(1e-4f));
}

TEST(MelTokenizer, BadSamplesAreRefused) {
    EXPECT_THROW(codec_log_mel({}), DataError);
    std::vector<float> wave(1000, 0.1f);
    wave[77] = std::numeric_limits<float>::quiet_NaN();
    try {
        codec_log_mel(wave);
        FAIL();
    } catch (const DataError& e) {
        EXPECT_NE(std::string(e.what()).find("sample 77"), std::string::npos) << e.what();
    }
    wave[77] = std::numeric_limits<float>::infinity();
    EXPECT_THROW(codec_log_mel(wave), DataError);
}

TEST(MelTokenizer, StackOrderIsBandMajor) {
    std::vector<float> frames(5 * 80);  // the odd last frame is dropped
    for (int t = 0; t < 5; ++t) {
        for (int b = 0; b < 80; ++b) frames[t * 80 + b] = static_cast<float>(100 * t + b);
    }
    const std::vector<double> stacked = stack_frames(frames, 10.0f, 2.0f);
    ASSERT_EQ(stacked.size(), 2u * 160);
    EXPECT_DOUBLE_EQ(stacked[2 * 7 + 0], (7 - 10) / 2.0);
    EXPECT_DOUBLE_EQ(stacked[2 * 7 + 1], (107 - 10) / 2.0);
    EXPECT_DOUBLE_EQ(stacked[160 + 2 * 79 + 1], (379 - 10) / 2.0);
}

/// Frames whose every band is the frame's index.
std::vector<float> ramp(int frames) {
    std::vector<float> values;
    for (int t = 0; t < frames; ++t) values.insert(values.end(), 80, static_cast<float>(t));
    return values;
}

TEST(MelTokenizer, StretchKeepsContentAndMovesTime) {
    const std::vector<float> input = ramp(20);
    EXPECT_EQ(stretch_frames(input, 1.0, 0), input);
    const std::vector<float> shifted = stretch_frames(input, 1.0, 1);
    ASSERT_EQ(shifted.size(), 18u * 80);  // 19 frames, of which 9 pairs
    EXPECT_FLOAT_EQ(shifted[0], 1.0f);
    const std::vector<float> slower = stretch_frames(input, 1.1, 0);
    ASSERT_EQ(slower.size(), 22u * 80);
    EXPECT_NEAR(slower[11 * 80], 10.0f, 1e-5);
    EXPECT_NEAR(slower[5 * 80 + 3], 5 / 1.1, 1e-5);
    EXPECT_FLOAT_EQ(slower[21 * 80], 19.0f);  // 21 / 1.1 lies beyond the last frame
    EXPECT_EQ(stretch_frames(input, 0.9, 0).size(), 18u * 80);
    EXPECT_EQ(stretch_frames(ramp(2), 0.2, 0).size(), 2u * 80);
    EXPECT_THROW(stretch_frames(ramp(2), 1.0, 2), DataError);
    EXPECT_THROW(stretch_frames(ramp(2), 0.0, 0), DataError);
}

TEST(MelTokenizer, CentroidsCodeToThemselves) {
    // An orthonormal basis makes centroid_log_mel the exact inverse of the projection.
    MelTokenizer t = small_tokenizer(24, 6);
    std::fill(t.pca_basis.begin(), t.pca_basis.end(), 0.0f);
    for (int d = 0; d < 6; ++d) t.pca_basis[(25 * d + 3) * 6 + d] = 1.0f;
    const std::vector<float> mel = centroid_log_mel(t);
    ASSERT_EQ(mel.size(), 24u * 160);
    const std::vector<std::int32_t> codes = nearest_codes(t, mel);
    for (int k = 0; k < 24; ++k) EXPECT_EQ(codes[k], k);
    // Stacked index 3 is band 1, frame 1.
    EXPECT_NEAR(mel[160 * 5 + 80 + 1], -5.0f + 2.0f * (t.pca_mean[3] + t.centroids[5 * 6]), 1e-5);
}

TEST(MelTokenizer, DigestCoversEveryTable) {
    const MelTokenizer t = small_tokenizer();
    const std::string digest = tokenizer_digest(t);
    EXPECT_EQ(digest, tokenizer_digest(small_tokenizer()));
    for (auto change :
         {+[](MelTokenizer& c) { c.mel_mean += 1; }, +[](MelTokenizer& c) { c.mel_std += 1; },
          +[](MelTokenizer& c) { c.pca_mean[159] += 1; }, +[](MelTokenizer& c) { c.pca_basis[7] += 1; },
          +[](MelTokenizer& c) { c.centroids[9] += 1; }}) {
        MelTokenizer changed = t;
        change(changed);
        EXPECT_NE(tokenizer_digest(changed), digest);
    }
}

}  // namespace
}  // namespace linvox

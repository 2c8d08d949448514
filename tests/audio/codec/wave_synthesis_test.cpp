// at::istft with autograd is the oracle of the hand-written synthesis.
#include "audio/codec/wave_synthesis.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/hann_window.h>
#include <ATen/ops/istft.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stft.h>
#include <gtest/gtest.h>

#include <cmath>

#include "src/base/rng.h"
#include "tests/audio/codec/small_codec.h"

namespace linvox {
namespace {

constexpr std::int64_t kFrames = 14;

at::Tensor window() { return at::constant_pad_nd(at::hann_window(800, at::kDouble), {112, 112}); }

MagnitudeScale test_scale() {
    MagnitudeScale scale{.scale = 1.7f};
    for (int k = 0; k < kSpectrumBins; ++k) scale.mean.push_back(0.5f - 0.004f * static_cast<float>(k));
    return scale;
}

std::vector<float> test_rows() {
    Rng rng(21);
    std::vector<float> rows(kFrames * kHeadRow);
    for (float& value : rows) value = static_cast<float>(rng.normal());
    for (int k = 40; k < 60; ++k) rows[3 * kHeadRow + k] = 4.0f;  // magnitudes beyond the limit of 100
    return rows;
}

at::Tensor oracle_wave(const at::Tensor& rows, const MagnitudeScale& scale) {
    std::vector<double> mean(scale.mean.begin(), scale.mean.end());
    const at::Tensor m = rows.narrow(1, 0, 513), p = rows.narrow(1, 513, 513), q = rows.narrow(1, 1026, 513);
    const at::Tensor log_magnitude = at::from_blob(mean.data(), {513}, at::kDouble).clone() + m * scale.scale;
    const at::Tensor unit = at::exp(log_magnitude).clamp_max(100.0) * at::rsqrt(p * p + q * q + 1e-8);
    return at::istft(at::complex(unit * p, unit * q).t(), 1024, 160, 1024, window(), /*center=*/true,
                     /*normalized=*/false, /*onesided=*/true, kFrames * 160);
}

TEST(WaveSynthesis, AgreesWithLibTorch) {
    std::vector<float> rows = test_rows(), wave(kFrames * 160);
    synthesise_wave(rows, test_scale(), wave);
    const at::Tensor tensor = at::from_blob(rows.data(), {kFrames, kHeadRow}, at::kFloat).to(at::kDouble);
    const at::Tensor expected = oracle_wave(tensor, test_scale()).contiguous();
    for (std::int64_t i = 0; i < expected.numel(); ++i) {
        ASSERT_NEAR(wave[i], expected.const_data_ptr<double>()[i], 2e-5) << i;
    }
}

TEST(WaveSynthesis, GradientAgreesWithAutograd) {
    std::vector<float> rows = test_rows(), by_row(rows.size()), by_sample(kFrames * 160);
    Rng rng(4);
    for (float& value : by_sample) value = static_cast<float>(rng.normal());
    synthesise_wave_backward(rows, test_scale(), by_sample, by_row);
    at::Tensor tensor = at::from_blob(rows.data(), {kFrames, kHeadRow}, at::kFloat).to(at::kDouble);
    tensor.set_requires_grad(true);
    const at::Tensor weight = at::from_blob(by_sample.data(), {kFrames * 160}, at::kFloat).to(at::kDouble);
    (oracle_wave(tensor, test_scale()) * weight).sum().backward();
    const at::Tensor expected = tensor.grad().contiguous();
    double largest = 0;
    for (std::int64_t i = 0; i < expected.numel(); ++i) {
        const double value = expected.const_data_ptr<double>()[i];
        largest = std::max(largest, std::abs(value));
        ASSERT_NEAR(by_row[i], value, 1e-4 * std::max(1.0, std::abs(value))) << i;
    }
    EXPECT_GT(largest, 0.1);
    EXPECT_EQ(by_row[3 * kHeadRow + 50], 0.0f);  // cut off at 100
}

/// Distance between the magnitudes of a wave's STFT and those wanted, relative.
double inconsistency(std::vector<float> wave, const at::Tensor& magnitude) {
    const auto length = static_cast<std::int64_t>(wave.size());
    const at::Tensor got = at::stft(at::from_blob(wave.data(), {length}, at::kFloat), 1024, 160, 1024,
                                    window().to(at::kFloat), true, "reflect", false, true, true)
                               .abs()
                               .t()
                               .narrow(0, 0, magnitude.size(0));
    return ((got - magnitude).norm() / magnitude.norm()).item<double>();
}

TEST(WaveSynthesis, GriffinLimConvergesAndRepeats) {
    std::vector<float> wave = test_tone(9600);
    const at::Tensor magnitude = at::stft(at::from_blob(wave.data(), {9600}, at::kFloat), 1024, 160, 1024,
                                          window().to(at::kFloat), true, "reflect", false, true, true)
                                     .abs()
                                     .t()
                                     .narrow(0, 0, 60)
                                     .contiguous();
    const std::span<const float> values(magnitude.const_data_ptr<float>(), 60 * 513);
    const std::vector<float> rough = griffin_lim(values, 0, 1), fine = griffin_lim(values, 32, 1);
    ASSERT_EQ(fine.size(), 9600u);
    EXPECT_EQ(fine, griffin_lim(values, 32, 1));
    EXPECT_NE(fine, griffin_lim(values, 32, 2));
    EXPECT_GT(inconsistency(rough, magnitude), 0.4);
    EXPECT_LT(inconsistency(fine, magnitude), 0.15);
}

}  // namespace
}  // namespace linvox

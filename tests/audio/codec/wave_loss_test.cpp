// at::stft with autograd, in double, is the oracle of the hand-written loss.
#include "audio/codec/wave_loss.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/hann_window.h>
#include <ATen/ops/log.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/stft.h>
#include <ATen/ops/view_as_real.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/audio/codec/small_codec.h"

namespace linvox {
namespace {

constexpr std::int64_t kItems = 3, kSamples = 2240;

at::Tensor magnitudes(const at::Tensor& waves, std::int64_t size, std::int64_t hop) {
    const at::Tensor spectrum =
        at::stft(waves, size, hop, size, at::hann_window(size, at::kDouble), /*center=*/true, "reflect",
                 /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true);
    const at::Tensor parts = at::view_as_real(spectrum);
    return at::sqrt((parts * parts).sum(-1) + 1e-7);
}

at::Tensor oracle(const at::Tensor& target, const at::Tensor& estimate) {
    at::Tensor loss;
    for (const auto& [size, hop] : {std::pair{512, 128}, std::pair{1024, 256}, std::pair{256, 64}}) {
        const at::Tensor s = magnitudes(target, size, hop), e = magnitudes(estimate, size, hop);
        const at::Tensor term =
            (at::log(s + 1e-3) - at::log(e + 1e-3)).abs().mean() + (s - e).norm() / (s.norm() + 1e-6);
        loss = loss.defined() ? loss + term : term;
    }
    return loss;
}

struct Case {
    std::vector<float> target, estimate;
    at::Tensor as_tensor(std::vector<float>& values) {
        return at::from_blob(values.data(), {kItems, kSamples}, at::kFloat).to(at::kDouble);
    }
};

Case make_case() {
    Case c;
    for (std::int64_t i = 0; i < kItems; ++i) {
        const std::vector<float> a = test_tone(kSamples, 1 + i), b = test_tone(kSamples + 300, 9 + i);
        c.target.insert(c.target.end(), a.begin(), a.end());
        c.estimate.insert(c.estimate.end(), b.begin() + 300, b.end());
    }
    return c;
}

TEST(WaveLoss, ValueAndGradientAgreeWithAutograd) {
    Case c = make_case();
    std::vector<float> gradient(c.target.size());
    const double loss = stft_loss(c.target, c.estimate, kItems, gradient);
    at::Tensor estimate = c.as_tensor(c.estimate);
    estimate.set_requires_grad(true);
    const at::Tensor expected = oracle(c.as_tensor(c.target), estimate);
    expected.backward();
    EXPECT_NEAR(loss, expected.item<double>(), 1e-5 * loss);
    const at::Tensor by_sample = estimate.grad().contiguous();
    const double largest = by_sample.abs().max().item<double>();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
        ASSERT_NEAR(gradient[i], by_sample.const_data_ptr<double>()[i], 1e-4 * largest) << i;
    }
}

TEST(WaveLoss, EqualWavesCostNothing) {
    Case c = make_case();
    std::vector<float> gradient(c.target.size());
    EXPECT_EQ(stft_loss(c.target, c.target, kItems, gradient), 0.0);
}

TEST(WaveLoss, SilenceHasAFiniteGradient) {
    std::vector<float> silence(kSamples, 0.0f), gradient(kSamples);
    const std::vector<float> tone = test_tone(kSamples);
    EXPECT_TRUE(std::isfinite(stft_loss(tone, silence, 1, gradient)));
    for (const float value : gradient) ASSERT_TRUE(std::isfinite(value));
}

TEST(WaveLoss, ThreadsDoNotChangeTheResult) {
    Case c = make_case();
    std::vector<float> one(c.target.size()), two(c.target.size());
    at::set_num_threads(1);
    const double loss = stft_loss(c.target, c.estimate, kItems, one);
    at::set_num_threads(2);
    EXPECT_EQ(loss, stft_loss(c.target, c.estimate, kItems, two));
    EXPECT_EQ(one, two);
}

}  // namespace
}  // namespace linvox

#include "audio/codec/mel_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv_transpose1d.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

constexpr std::int64_t kDilations[] = {1, 2, 4, 1, 1};
constexpr std::size_t kBlocks = 5;
constexpr std::size_t kBlocksBeforeUp = 3;
constexpr int kGriffinLimIterations = 32;

/// Uniform in +-gain / sqrt(fan_in).
at::Tensor random_weight(Rng& rng, at::IntArrayRef shape, std::int64_t fan_in, double gain = 1.0) {
    at::Tensor weight = at::empty(shape, at::kFloat);
    const double bound = gain / std::sqrt(static_cast<double>(fan_in));
    float* values = weight.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < weight.numel(); ++i) {
        values[i] = static_cast<float>(bound * (2 * rng.uniform() - 1));
    }
    return weight;
}

at::Tensor block(const MelDecoder::Block& b, const at::Tensor& x_BCT, std::int64_t dilation) {
    const at::Tensor inner = at::relu(at::conv1d(at::relu(x_BCT), b.a_weight, b.a_bias, at::IntArrayRef{1},
                                                 at::IntArrayRef{dilation}, dilation));
    return x_BCT + at::conv1d(inner, b.b_weight, b.b_bias);
}

/// The closed-form magnitudes: [B, 2T, 513].
at::Tensor linear_part(const MelDecoder& d, const at::Tensor& x_BDT) {
    const at::Tensor y = at::conv1d(x_BDT, d.linear_weight, d.linear_bias, at::IntArrayRef{1},
                                    at::IntArrayRef{kLinearContext / 2});
    return y.transpose(1, 2).reshape({x_BDT.size(0), 2 * x_BDT.size(2), kSpectrumBins});
}

}  // namespace

MagnitudeScale MelDecoder::scale() const {
    const float* mean = magnitude_mean.const_data_ptr<float>();
    return {.mean = {mean, mean + kSpectrumBins}, .scale = *magnitude_std.const_data_ptr<float>()};
}

void MelDecoder::visit_trained(const WeightVisitor& visit_weight) {
    visit_weight("in.weight", in_weight);
    visit_weight("in.bias", in_bias);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const std::string prefix = fmt::format("blocks.{}.", i);
        visit_weight(prefix + "a.weight", blocks[i].a_weight);
        visit_weight(prefix + "a.bias", blocks[i].a_bias);
        visit_weight(prefix + "b.weight", blocks[i].b_weight);
        visit_weight(prefix + "b.bias", blocks[i].b_bias);
    }
    visit_weight("up.weight", up_weight);
    visit_weight("up.bias", up_bias);
    visit_weight("head.weight", head_weight);
    visit_weight("head.bias", head_bias);
}

void MelDecoder::visit(const WeightVisitor& visit_weight) {
    visit_weight("magnitude.mean", magnitude_mean);
    visit_weight("magnitude.std", magnitude_std);
    visit_weight("linear.weight", linear_weight);
    visit_weight("linear.bias", linear_bias);
    visit_trained(visit_weight);
}

void MelDecoder::visit(const ConstWeightVisitor& visit_weight) const {
    MelDecoder same = *this;  // tensors are handles
    same.visit(
        WeightVisitor([&](const std::string& name, at::Tensor& weight) { visit_weight(name, weight); }));
}

MelDecoder make_mel_decoder(const at::Tensor& centroids_KD, int channels, const std::string& vocoder,
                            std::uint64_t seed) {
    const std::int64_t dimensions = centroids_KD.size(1), c = channels;
    MelDecoder d{.vocoder = vocoder, .channels = channels, .centroids_KD = centroids_KD};
    d.magnitude_mean = at::zeros({kSpectrumBins}, at::kFloat);
    d.magnitude_std = at::zeros({}, at::kFloat) + 1.0;
    d.linear_weight = at::zeros({2 * kSpectrumBins, dimensions, kLinearContext}, at::kFloat);
    d.linear_bias = at::zeros({2 * kSpectrumBins}, at::kFloat);
    Rng rng(seed);
    d.in_weight = random_weight(rng, {c, dimensions, 5}, 5 * dimensions);
    d.in_bias = random_weight(rng, {c}, 5 * dimensions);
    for (std::size_t i = 0; i < kBlocks; ++i) {
        d.blocks.push_back({.a_weight = random_weight(rng, {c, c, 3}, 3 * c),
                            .a_bias = random_weight(rng, {c}, 3 * c),
                            .b_weight = random_weight(rng, {c, c, 1}, c, 0.3),
                            .b_bias = at::zeros({c}, at::kFloat)});
    }
    d.up_weight = random_weight(rng, {c, c, 4}, 2 * c);  // [in, out, k]: two taps meet in an output frame
    d.up_bias = random_weight(rng, {c}, 2 * c);
    d.head_weight = random_weight(rng, {d.has_phase() ? kHeadRow : kSpectrumBins, c}, c, 0.3);
    d.head_bias = random_weight(rng, {d.has_phase() ? kHeadRow : kSpectrumBins}, c);
    return d;
}

at::Tensor decoder_rows(const MelDecoder& d, const at::Tensor& codes_BT, bool with_phase) {
    const at::Tensor input =
        at::embedding(d.centroids_KD, codes_BT).transpose(1, 2).contiguous();  // [B, D, T]
    at::Tensor x = at::conv1d(input, d.in_weight, d.in_bias, at::IntArrayRef{1}, at::IntArrayRef{2});
    for (std::size_t i = 0; i < kBlocks; ++i) {
        if (i == kBlocksBeforeUp) {
            x = at::conv_transpose1d(at::relu(x), d.up_weight, d.up_bias, at::IntArrayRef{2},
                                     at::IntArrayRef{1});
        }
        x = block(d.blocks[i], x, kDilations[i]);
    }
    x = at::relu(x).transpose(1, 2).contiguous();  // [B, 2T, C]
    const at::Tensor linear = linear_part(d, input);
    if (!with_phase) {
        return at::linear(x, d.head_weight.narrow(0, 0, kSpectrumBins),
                          d.head_bias.narrow(0, 0, kSpectrumBins)) +
               linear;
    }
    return at::linear(x, d.head_weight, d.head_bias) + at::pad(linear, {0, 2 * kSpectrumBins});
}

std::vector<float> decode_wave(const MelDecoder& decoder, std::span<const std::int32_t> codes) {
    const at::NoGradGuard no_grad;
    const auto count = static_cast<std::int64_t>(codes.size());
    at::Tensor codes_BT = at::empty({1, count}, at::kLong);
    std::copy(codes.begin(), codes.end(), codes_BT.mutable_data_ptr<std::int64_t>());
    const at::Tensor rows = decoder_rows(decoder, codes_BT, decoder.has_phase()).contiguous();
    const MagnitudeScale scale = decoder.scale();
    const std::span<const float> values(rows.const_data_ptr<float>(), static_cast<std::size_t>(rows.numel()));
    if (decoder.has_phase()) {
        std::vector<float> samples(static_cast<std::size_t>(count) * 320);
        synthesise_wave(values, scale, samples);
        return samples;
    }
    std::vector<float> magnitudes(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        magnitudes[i] = std::min(std::exp(scale.mean[i % kSpectrumBins] + scale.scale * values[i]), 100.0f);
    }
    return griffin_lim(magnitudes, kGriffinLimIterations, 0);
}

std::string decoder_digest(const MelDecoder& decoder) {
    Sha256 digest;
    digest.add("melkm decoder 1 " + decoder.vocoder + "\n");
    const auto add = [&](const std::string& name, const at::Tensor& weight) {
        const at::Tensor values = weight.contiguous();
        digest.add(name).add_values(
            std::span<const float>(values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel())));
    };
    add("centroids", decoder.centroids_KD);
    decoder.visit(ConstWeightVisitor(add));
    return digest.hex();
}

}  // namespace linvox

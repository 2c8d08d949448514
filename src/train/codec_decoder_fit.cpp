#include "src/train/codec_decoder_fit.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "audio/codec/mel_tokenizer.h"
#include "audio/codec/wave_loss.h"
#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/train/optimizer.h"

namespace linvox {
namespace {

constexpr double kRidge = 10.0;
constexpr std::int64_t kLinearBlock = 8192;
constexpr double kWaveUnits = 2.5;  // cost of a step with the STFT loss, in steps without
constexpr double kStftWeight = 0.5;
constexpr double kWarmup = 0.05;
constexpr double kFinalRate = 0.01;

void fit_scale(MelDecoder& decoder, const at::Tensor& log_magnitude) {
    at::Tensor sum = at::zeros({kSpectrumBins}, at::kDouble);
    double square = 0;
    const std::int64_t frames = log_magnitude.size(0);
    for (std::int64_t f = 0; f < frames; f += kLinearBlock) {
        const at::Tensor block =
            log_magnitude.narrow(0, f, std::min(kLinearBlock, frames - f)).to(at::kDouble);
        sum += block.sum(0);
        square += (block * block).sum().item<double>();
    }
    const double values = static_cast<double>(frames * kSpectrumBins);
    const double mean = sum.sum().item<double>() / values;
    decoder.magnitude_mean = (sum / static_cast<double>(frames)).to(at::kFloat);
    decoder.magnitude_std.fill_(std::sqrt(std::max(square / values - mean * mean, 1e-6)));
}

/// Rows [count, 9 D + 1]: the centroids around codes [first, first + count), zero beyond the ends, and 1.
at::Tensor linear_inputs(const at::Tensor& vectors_ND, std::int64_t first, std::int64_t count) {
    constexpr std::int64_t kSide = kLinearContext / 2;
    const std::int64_t total = vectors_ND.size(0);
    std::vector<at::Tensor> columns;
    for (std::int64_t offset = -kSide; offset <= kSide; ++offset) {
        at::Tensor column = at::zeros({count, vectors_ND.size(1)}, at::kFloat);
        const std::int64_t low = std::clamp<std::int64_t>(first + offset, 0, total);
        const std::int64_t high = std::clamp<std::int64_t>(first + offset + count, 0, total);
        if (high > low)
            column.narrow(0, low - first - offset, high - low).copy_(vectors_ND.narrow(0, low, high - low));
        columns.push_back(column);
    }
    columns.push_back(at::ones({count, 1}, at::kFloat));
    return at::cat(columns, 1);
}

at::Tensor codes_tensor(const std::vector<std::int32_t>& codes) {
    at::Tensor result = at::empty({static_cast<std::int64_t>(codes.size())}, at::kLong);
    std::copy(codes.begin(), codes.end(), result.mutable_data_ptr<std::int64_t>());
    return result;
}

struct Segments {
    at::Tensor codes_BT;         // int64
    at::Tensor target_BFS;       // [B, 2T, 513], standardised
    std::vector<float> samples;  // [B, 320 T]
};

Segments draw_segments(const MelDecoder& decoder, const DecoderStream& stream, std::int64_t batch,
                       std::int64_t codes, Rng& rng) {
    Segments s{.codes_BT = at::empty({batch, codes}, at::kLong),
               .target_BFS = at::empty({batch, 2 * codes, kSpectrumBins}, at::kFloat)};
    s.samples.reserve(static_cast<std::size_t>(batch * codes * kMelCodeSamples));
    for (std::int64_t b = 0; b < batch; ++b) {
        const auto first = static_cast<std::int64_t>(rng.below(stream.frames() - 2 * codes));
        const std::int32_t* code = stream.codes[first % 2].data() + first / 2;
        std::copy(code, code + codes, s.codes_BT.mutable_data_ptr<std::int64_t>() + b * codes);
        s.target_BFS.select(0, b).copy_(stream.log_magnitude.narrow(0, first, 2 * codes));
        const float* sample = stream.samples.data() + first * kMelHop;
        s.samples.insert(s.samples.end(), sample, sample + codes * kMelCodeSamples);
    }
    s.target_BFS.sub_(decoder.magnitude_mean).div_(decoder.magnitude_std);
    return s;
}

/// Mean |rows[.., :513] - target|; `gradient` (shape of rows, overwritten) is by the rows.
double magnitude_loss(const at::Tensor& rows, const at::Tensor& target, at::Tensor& gradient) {
    const std::int64_t items = rows.size(0), frames = rows.size(1), width = rows.size(2);
    const float* got = rows.const_data_ptr<float>();
    const float* wanted = target.const_data_ptr<float>();
    float* out = gradient.mutable_data_ptr<float>();
    const float weight = 1.0f / static_cast<float>(target.numel());
    std::vector<double> sums(static_cast<std::size_t>(items), 0.0);
    at::parallel_for(0, items, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t f = begin * frames; f < end * frames; ++f) {
            double sum = 0;
            for (std::int64_t k = 0; k < kSpectrumBins; ++k) {
                const float difference = got[f * width + k] - wanted[f * kSpectrumBins + k];
                sum += std::abs(difference);
                out[f * width + k] = difference > 0 ? weight : (difference < 0 ? -weight : 0.0f);
            }
            std::fill(out + f * width + kSpectrumBins, out + (f + 1) * width, 0.0f);
            sums[f / frames] += sum;
        }
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0) * weight;
}

/// 0.5 x the STFT loss of the waves behind the rows; adds its gradient by the rows.
double wave_loss(const at::Tensor& rows, const MagnitudeScale& scale, const std::vector<float>& target,
                 at::Tensor& gradient) {
    const std::int64_t items = rows.size(0), row_values = rows.numel() / items;
    const std::size_t samples = target.size() / static_cast<std::size_t>(items);
    const auto rows_of = [&](std::int64_t b) {
        return std::span(rows.const_data_ptr<float>() + b * row_values, static_cast<std::size_t>(row_values));
    };
    std::vector<float> wave(target.size()), by_sample(target.size());
    at::parallel_for(0, items, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
            synthesise_wave(rows_of(b), scale, std::span(wave).subspan(b * samples, samples));
        }
    });
    const double loss = kStftWeight * stft_loss(target, wave, items, by_sample);
    float* out = gradient.mutable_data_ptr<float>();
    at::parallel_for(0, items, 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> by_row(static_cast<std::size_t>(row_values));
        for (std::int64_t b = begin; b < end; ++b) {
            synthesise_wave_backward(rows_of(b), scale, std::span(by_sample).subspan(b * samples, samples),
                                     by_row);
            for (std::int64_t i = 0; i < row_values; ++i) {
                out[b * row_values + i] += static_cast<float>(kStftWeight) * by_row[i];
            }
        }
    });
    return loss;
}

/// Warm-up over the first 5 % of the work, then cosine to 1 %.
double rate_factor(double share) {
    if (share < kWarmup) return std::max(share, 1e-3) / kWarmup;
    const double x = (share - kWarmup) / (1 - kWarmup);
    return kFinalRate + (1 - kFinalRate) * 0.5 * (1 + std::cos(M_PI * x));
}

}  // namespace

void fit_linear_part(MelDecoder& decoder, const DecoderStream& stream) {
    const at::NoGradGuard no_grad;
    fit_scale(decoder, stream.log_magnitude);
    const std::int64_t dimensions = decoder.centroids_KD.size(1), width = kLinearContext * dimensions + 1;
    const at::Tensor vectors = at::embedding(decoder.centroids_KD, codes_tensor(stream.codes[0]));
    at::Tensor gram = at::eye(width, at::kDouble) * kRidge;
    at::Tensor moment = at::zeros({width, 2 * kSpectrumBins}, at::kDouble);
    for (std::int64_t first = 0; first < vectors.size(0); first += kLinearBlock) {
        const std::int64_t count = std::min(kLinearBlock, vectors.size(0) - first);
        const at::Tensor x = linear_inputs(vectors, first, count);
        const at::Tensor y = stream.log_magnitude.narrow(0, 2 * first, 2 * count)
                                 .to(at::kFloat)
                                 .sub_(decoder.magnitude_mean)
                                 .div_(decoder.magnitude_std);
        gram += at::mm(x.t(), x);
        moment += at::mm(x.t(), y.reshape({count, 2 * kSpectrumBins}));
    }
    const at::Tensor solution = at::linalg_solve(gram, moment).to(at::kFloat);  // [9 D + 1, 1026]
    decoder.linear_weight = solution.narrow(0, 0, width - 1)
                                .reshape({kLinearContext, dimensions, 2 * kSpectrumBins})
                                .permute({2, 1, 0})
                                .contiguous();
    decoder.linear_bias = solution.select(0, width - 1).contiguous();
}

void train_decoder(MelDecoder& decoder, const DecoderStream& stream, const CodecFitConfig& config,
                   const CodecStepReport& report) {
    const std::int64_t segment = std::min(config.segment, stream.frames() / 2 - 1);
    LINVOX_REQUIRE(segment >= 4, DataError, "the decoder needs more than {} frames of audio",
                   stream.frames());
    std::vector<TrainedParameter> parameters;
    decoder.visit_trained([&](const std::string& name, at::Tensor& weight) {
        weight.set_requires_grad(true);
        parameters.push_back(trained_parameter(name, weight));
    });
    AdamW optimizer(parameters, {.learning_rate = config.learning_rate,
                                 .beta1 = 0.9,
                                 .beta2 = 0.98,
                                 .weight_decay = 1e-3,
                                 .clip_norm = 1.0});
    const MagnitudeScale scale = decoder.scale();
    const std::int64_t wave_steps = decoder.has_phase() ? config.wave_steps : 0;
    const std::int64_t steps = config.mel_steps + wave_steps;
    const double work = static_cast<double>(config.mel_steps) + kWaveUnits * static_cast<double>(wave_steps);
    Rng rng(mix_seed(static_cast<std::uint64_t>(config.seed), "decoder"));
    double done = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
        if (stop_requested()) throw Interrupted{};
        const bool waves = step >= config.mel_steps;
        const Segments segments = draw_segments(decoder, stream, config.batch, segment, rng);
        const at::Tensor rows = decoder_rows(decoder, segments.codes_BT, waves).contiguous();
        at::Tensor gradient = at::empty(rows.sizes(), at::kFloat);
        CodecFitStep line{.step = step + 1, .wave_stage = waves};
        line.magnitude_loss = magnitude_loss(rows, segments.target_BFS, gradient);
        line.loss = line.magnitude_loss;
        if (waves) line.loss += wave_loss(rows, scale, segments.samples, gradient);
        LINVOX_REQUIRE(std::isfinite(line.loss), DataError, "codec fit: the loss is {} at step {}", line.loss,
                       step + 1);
        optimizer.zero_grad();
        rows.backward(gradient);
        optimizer.clip_grad_norm(1.0);
        line.learning_rate = config.learning_rate * rate_factor(done / work);
        optimizer.step(line.learning_rate);
        done += waves ? kWaveUnits : 1.0;
        if (report) report(line);
    }
    decoder.visit_trained([](const std::string&, at::Tensor& weight) { weight = weight.detach(); });
}

}  // namespace linvox

#include "src/model/rope.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

#include "src/model/parallel_ranges.h"

namespace linvox {
namespace {

/// Low frequencies divided by the factor, high ones kept, those between blended linearly in the number of
/// turns within the original context.
double scale_frequency(double frequency, const Llama3RopeScaling& scaling) {
    const double turns =
        static_cast<double>(scaling.original_max_position_embeddings) * frequency / (2.0 * std::numbers::pi);
    if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
    if (turns > scaling.high_freq_factor) return frequency;
    const double keep =
        (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
    return keep * frequency + (1.0 - keep) * frequency / scaling.factor;
}

}  // namespace

std::vector<double> rope_frequencies(const ModelConfig& config) {
    std::vector<double> frequencies;
    for (std::int64_t j = 0; j < config.head_dim / 2; ++j) {
        const double exponent = 2.0 * static_cast<double>(j) / static_cast<double>(config.head_dim);
        const double frequency = std::pow(config.rope_theta, -exponent);
        frequencies.push_back(config.rope_llama3 ? scale_frequency(frequency, *config.rope_llama3)
                                                 : frequency);
    }
    return frequencies;
}

std::pair<at::Tensor, at::Tensor> rope_tables(const ModelConfig& config, std::int64_t positions,
                                              at::ScalarType dtype) {
    const std::vector<double> frequencies = rope_frequencies(config);
    const auto half = static_cast<std::int64_t>(frequencies.size());
    at::Tensor cosine = at::empty({positions, half}, at::kDouble),
               sine = at::empty({positions, half}, at::kDouble);
    double* cosines = cosine.mutable_data_ptr<double>();
    double* sines = sine.mutable_data_ptr<double>();
    parallel_ranges(positions, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = begin; p < end; ++p)
            for (std::int64_t j = 0; j < half; ++j) {
                const double angle = static_cast<double>(p) * frequencies[static_cast<std::size_t>(j)];
                cosines[p * half + j] = std::cos(angle);
                sines[p * half + j] = std::sin(angle);
            }
    });
    return {cosine.to(dtype), sine.to(dtype)};
}

}  // namespace linvox

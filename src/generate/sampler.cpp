#include "src/generate/sampler.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/model/simd.h"

namespace linvox {
namespace {

/// weights[i] = exp((logits[i] - maximum) * scale); returns their sum.
struct Weigh {
    template <typename Tile>
    LINVOX_INLINE static void run(const float* logits, std::int64_t count, float maximum, float scale,
                                  float* weights, float* sum) {
        Vec<float> sums{};
        for (std::int64_t i = 0; i < count; i += kLanes<float>) {
            const std::int64_t left = count - i;
            const Vec<float> weight = exp_of((load(logits + i, left) - maximum) * scale);
            store(weights + i, weight, left);
            sums += load(weights + i, left);  // lanes behind the row count nothing
        }
        *sum = sum_lanes<float>(sums);
    }
};

std::int32_t best_index(std::span<const float> logits, std::span<const std::int32_t> barred) {
    std::int32_t best = -1;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(logits.size()); ++i)
        if ((best < 0 || logits[i] > logits[best]) &&
            std::find(barred.begin(), barred.end(), i) == barred.end())
            best = i;
    return best;
}

/// Inverse of the distribution function over `order` (all indices when empty). Rounding may leave the target
/// behind the end: then the last index with weight is drawn.
std::int32_t draw(const std::vector<float>& weights, const std::vector<std::int32_t>& order, double target) {
    std::int32_t last = -1;
    const std::size_t count = order.empty() ? weights.size() : order.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t index = order.empty() ? static_cast<std::int32_t>(i) : order[i];
        if (weights[index] <= 0.0f) continue;
        last = index;
        target -= weights[index];
        if (target < 0.0) break;
    }
    return last;
}

/// Fills `order` with the most probable indices: the top_k, of those the fewest that hold top_p of their
/// mass. A heap finds them without sorting the rest. Returns their mass.
double keep_top(const std::vector<float>& weights, const SamplingConfig& config,
                std::vector<std::int32_t>& order) {
    const auto below = [&](std::int32_t a, std::int32_t b) {
        return weights[a] != weights[b] ? weights[a] < weights[b] : a > b;
    };
    const std::size_t count = weights.size();
    const std::size_t most =
        config.top_k > 0 ? std::min(count, static_cast<std::size_t>(config.top_k)) : count;
    order.resize(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<std::int32_t>(i);
    const auto above = [&](std::int32_t a, std::int32_t b) { return below(b, a); };
    if (most < count) {
        std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                         above);
        order.resize(most);
    }
    double mass = 0.0;
    for (const std::int32_t index : order) mass += weights[index];
    if (config.top_p >= 1.0) {
        std::sort(order.begin(), order.end());  // by index: rounding in the weights must not reorder them
        return mass;
    }
    std::make_heap(order.begin(), order.end(), below);
    double kept = 0.0;
    auto end = order.end();
    while (end != order.begin() && kept < config.top_p * mass) {
        std::pop_heap(order.begin(), end, below);
        kept += weights[*--end];
    }
    order.erase(order.begin(), end);
    std::reverse(order.begin(), order.end());  // most probable first
    return kept;
}

/// Takes away what weighs less than min_p; the most probable weighs 1. Returns the mass of the rest.
double drop_below(std::vector<float>& weights, double min_p, std::vector<std::int32_t>& order) {
    std::erase_if(order, [&](std::int32_t index) { return weights[index] < min_p; });
    double mass = 0.0;
    if (!order.empty()) {
        for (const std::int32_t index : order) mass += weights[index];
        return mass;
    }
    for (float& weight : weights) {
        if (weight < min_p) weight = 0.0f;
        mass += weight;
    }
    return mass;
}

/// Every index of the window once, however often it stands there.
void penalise(std::span<const float> logits, std::span<const std::int32_t> window, double penalty,
              std::vector<float>& penalised) {
    for (const std::int32_t index : window) {
        if (index < 0) continue;
        const double logit = logits[static_cast<std::size_t>(index)];
        penalised[static_cast<std::size_t>(index)] =
            static_cast<float>(logit > 0.0 ? logit / penalty : logit * penalty);
    }
}

}  // namespace

std::int32_t sample_index(std::span<const float> logits, std::span<const std::int32_t> barred,
                          const SamplingConfig& config, Rng& rng, SamplerScratch& scratch) {
    const std::int32_t best = best_index(logits, barred);
    LINVOX_ASSERT(best >= 0, "all {} ids of a row are barred from sampling", logits.size());
    if (config.temperature <= 0.0) return best;
    scratch.weights.resize(logits.size());
    float sum = 0.0f;
    dispatch<Weigh>(logits.data(), static_cast<std::int64_t>(logits.size()), logits[best],
                    static_cast<float>(1.0 / config.temperature), scratch.weights.data(), &sum);
    double mass = sum;
    for (const std::int32_t index : barred)
        if (index >= 0 && index < static_cast<std::int32_t>(logits.size())) {
            mass -= scratch.weights[index];
            scratch.weights[index] = 0.0f;
        }
    scratch.order.clear();
    if (config.top_k > 0 || config.top_p < 1.0) mass = keep_top(scratch.weights, config, scratch.order);
    if (config.min_p > 0.0) mass = drop_below(scratch.weights, config.min_p, scratch.order);
    return draw(scratch.weights, scratch.order, rng.uniform() * mass);
}

std::int32_t sample_token(std::span<const float> logits, std::span<const std::int32_t> barred,
                          const TokenHistory& history, const SamplingConfig& config, Rng& rng,
                          SamplerScratch& scratch) {
    if (config.repetition_penalty != 1.0) {
        scratch.penalised.assign(logits.begin(), logits.end());
        penalise(logits, history.penalised, config.repetition_penalty, scratch.penalised);
        logits = scratch.penalised;
    }
    const std::int32_t first = sample_index(logits, barred, config, rng, scratch);
    if (config.ras_window <= 0 || config.temperature <= 0.0) return first;
    const auto seen = std::count(history.ras.begin(), history.ras.end(), first);
    if (static_cast<double>(seen) <= config.ras_threshold * static_cast<double>(config.ras_window))
        return first;
    return sample_index(logits, barred, {.temperature = config.temperature}, rng, scratch);
}

}  // namespace linvox

// Requests to the small model of model_fixtures.h, and what comes of them as a batch to score.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "src/generate/generate.h"
#include "tests/src/model/model_fixtures.h"

namespace linvox {

// Ids of the small model: 0-9 text, 10 NEXT, 11 EOS, 12-36 codes.
inline constexpr std::int64_t kBegin = 10, kEnd = 37;
inline constexpr std::int32_t kNext = 10, kEos = 11;

inline GenerationRequest aligned_request(std::uint64_t seed, int units) {
    GenerationRequest request{"a" + std::to_string(seed), {}, seed};
    request.plan.prompt_ids = {1};
    for (int u = 0; u < units; ++u)
        request.plan.forced.push_back(
            {static_cast<std::int32_t>(3 + (seed + u) % 7), u + 1 == units ? 2 : 4});
    request.plan.boundary_id = kNext;
    return request;
}

inline GenerationRequest plain_request(std::uint64_t seed, int prompt) {
    GenerationRequest request{"p" + std::to_string(seed), {}, seed};
    for (int i = 0; i < prompt; ++i)
        request.plan.prompt_ids.push_back(static_cast<std::int32_t>((seed + 3 * i) % 10));
    request.plan.stop_id = kEos;
    return request;
}

inline SamplingConfig sampling(double temperature) {
    return {.temperature = temperature,
            .max_tokens = 60,
            .max_codes_per_unit = 6,
            .batch_rows = 5,
            .vocab_begin = kBegin,
            .vocab_end = kEnd};
}

inline std::vector<GenerationResult> results(const Decoder& decoder,
                                             const std::vector<GenerationRequest>& requests,
                                             const SamplingConfig& config) {
    std::vector<GenerationResult> found(requests.size());
    std::vector<int> calls(requests.size(), 0);
    generate(decoder, requests, config, [&](std::size_t index, GenerationResult&& result) {
        found[index] = std::move(result);
        ++calls[index];
    });
    EXPECT_THAT(calls, testing::Each(1));
    return found;
}

inline PackedBatch batch_of(const GenerationRequest& request, const GenerationResult& result) {
    TestRecord record;
    record.prompt.assign(request.plan.prompt_ids.begin(), request.plan.prompt_ids.end());
    TestAnswer answer;
    answer.ids.assign(result.answer.ids.begin(), result.answer.ids.end());
    answer.given.assign(answer.ids.size(), false);
    for (const Span& span : result.answer.given)
        for (std::int32_t i = span.begin; i < span.end; ++i) answer.given[i] = true;
    record.answers.push_back(answer);
    return pack_records({record}, true);
}

inline std::vector<GenerationRequest> mixed_requests() {
    std::vector<GenerationRequest> requests;
    for (std::uint64_t seed = 0; seed < 9; ++seed) {
        requests.push_back(aligned_request(seed, 1 + static_cast<int>(seed % 4)));
        requests.push_back(plain_request(seed, 1 + static_cast<int>(3 * seed)));
    }
    return requests;
}

}  // namespace linvox

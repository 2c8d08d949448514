// A small decoder and records for tests of training.
#pragma once

#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/pack.h"
#include "src/data/records.h"
#include "src/model/decoder.h"

namespace linvox::toy {

inline constexpr std::int32_t kVocabulary = 24, kCodes = 8;  // ids below kCodes are text

inline ModelConfig config() {
    ModelConfig config = model_config_defaults("qwen2");
    config.vocab_size = kVocabulary;
    config.hidden_size = 32;
    config.num_layers = 2;
    config.num_heads = 2;
    config.num_kv_heads = 1;
    config.head_dim = 16;
    config.intermediate_size = 48;
    return config;
}

inline Decoder decoder(std::uint64_t seed = 3) { return make_decoder(config(), seed); }

/// Codes that rise by one, or fall by one, from a start; the first two tokens of some are given text.
inline TokenSequence codes(std::int32_t start, std::int32_t direction, std::size_t length, bool given) {
    TokenSequence answer;
    if (given) {
        answer.ids = {2, 3};
        answer.given = {{0, 2}};
    }
    const std::int32_t range = kVocabulary - kCodes;
    for (std::size_t i = 0; i < length; ++i) {
        const auto step = static_cast<std::int32_t>(i) * direction;
        answer.ids.push_back(kCodes + ((start + step) % range + range) % range);
    }
    return answer;
}

/// Chosen answers rise, rejected ones fall.
inline std::vector<PreferenceRecord> pairs(std::size_t count, std::size_t rejected = 1) {
    std::vector<PreferenceRecord> records;
    Rng rng(count);
    for (std::size_t i = 0; i < count; ++i) {
        PreferenceRecord record;
        record.info.id = "pair_" + std::to_string(i);
        record.info.prompt_ids = {1, static_cast<std::int32_t>(2 + i % 5)};
        const auto start = static_cast<std::int32_t>(rng.below(16));
        record.chosen.answer = codes(start, 1, 5 + rng.below(5), i % 2 == 0);
        for (std::size_t r = 0; r < rejected; ++r) {
            record.rejected.emplace_back();
            record.rejected.back().answer =
                codes(start + static_cast<std::int32_t>(r), -1, 5 + rng.below(5), i % 2 == 0);
        }
        records.push_back(record);
    }
    return records;
}

inline std::vector<SequenceGroup> groups(const std::vector<PreferenceRecord>& records) {
    std::vector<SequenceGroup> all;
    for (const PreferenceRecord& record : records) all.push_back(preference_group(record));
    return all;
}

}  // namespace linvox::toy

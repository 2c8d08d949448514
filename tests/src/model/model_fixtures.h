// Small models and batches for the tests of src/model and src/generate.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/model/decoder.h"
#include "src/model/packed_batch.h"

namespace linvox {

/// Two layers, grouped queries, head_dim 6 (no multiple of any vector width).
inline ModelConfig small_config(const std::string& architecture) {
    ModelConfig config = model_config_defaults(architecture);
    config.vocab_size = 37;
    config.hidden_size = 20;
    config.num_layers = 2;
    config.num_heads = 4;
    config.num_kv_heads = 2;
    config.head_dim = 6;
    config.intermediate_size = 28;
    config.max_position_embeddings = 512;
    return config;
}

/// All weights random and large enough to matter, biases and norms too.
inline Decoder lively_decoder(const ModelConfig& config, std::uint64_t seed, at::ScalarType dtype) {
    Decoder decoder = make_decoder(config, seed);
    Rng rng(seed);
    visit_weights(decoder, [&](const std::string& name, at::Tensor& weight) {
        float* values = weight.mutable_data_ptr<float>();
        const bool norm = name.ends_with("norm.weight");
        for (std::int64_t i = 0; i < weight.numel(); ++i)
            values[i] = static_cast<float>((norm ? 1.0 : 0.0) + 0.3 * rng.normal());
    });
    return cast_decoder(decoder, dtype);
}

/// Sets tensor k of the names in sorted order, element i, to size sin(step k + rate i), plus 1 where `unit`
/// says so: weights that another program can have without a file (tests/src/model/oracle.py).
inline void fill_by_formula(std::map<std::string, at::Tensor>& tensors, double size, double step, double rate,
                            const std::function<bool(const std::string&)>& unit) {
    double k = 0.0;
    for (auto& [name, tensor] : tensors) {
        for (std::int64_t i = 0; i < tensor.numel(); ++i)
            tensor.mutable_data_ptr<float>()[i] = static_cast<float>(
                size * std::sin(step * k + rate * static_cast<double>(i)) + (unit(name) ? 1.0 : 0.0));
        k += 1.0;
    }
}

inline Decoder formula_decoder(const ModelConfig& config) {
    Decoder decoder = make_decoder(config, 0);
    std::map<std::string, at::Tensor> sorted;
    visit_weights(decoder,
                  [&](const std::string& name, at::Tensor& weight) { sorted.emplace(name, weight); });
    fill_by_formula(sorted, 0.2, 0.7, 0.37,
                    [](const std::string& name) { return name.ends_with("norm.weight"); });
    return decoder;
}

/// The models of tests/src/model/oracle.py; llama has an untied head and llama3 rotation.
inline ModelConfig golden_config(const std::string& architecture) {
    ModelConfig config = small_config(architecture);
    if (architecture == "llama") {
        config.tie_word_embeddings = false;
        config.rope_llama3 = Llama3RopeScaling{8.0, 1.0, 4.0, 64};
    }
    return config;
}

struct TestAnswer {
    std::vector<std::int64_t> ids;
    std::vector<bool> given;  // empty: all scored
};
struct TestRecord {
    std::vector<std::int64_t> prompt;
    std::vector<TestAnswer> answers;
};

/// Packs records by hand; `shared` keeps one prompt per record, else every answer repeats it.
inline PackedBatch pack_records(const std::vector<TestRecord>& records, bool shared) {
    std::vector<std::int64_t> ids, positions, rows, labels, owners;
    PackedBatch batch;
    const auto push = [&](std::int64_t id, std::int64_t position) {
        ids.push_back(id);
        positions.push_back(position);
    };
    for (const TestRecord& record : records) {
        const auto prompt = static_cast<std::int64_t>(record.prompt.size());
        const auto record_begin = static_cast<std::int64_t>(ids.size());
        for (std::size_t a = 0; a < record.answers.size(); ++a) {
            const auto begin = static_cast<std::int64_t>(ids.size());
            const bool joined = a == 0 || !shared;
            if (joined)
                for (std::int64_t i = 0; i < prompt; ++i) push(record.prompt[i], i);
            const auto first = static_cast<std::int64_t>(ids.size());
            const std::int64_t last_prompt_row = (joined ? begin : record_begin) + prompt - 1;
            const TestAnswer& answer = record.answers[a];
            for (std::size_t i = 0; i < answer.ids.size(); ++i) {
                push(answer.ids[i], prompt + static_cast<std::int64_t>(i));
                if (!answer.given.empty() && answer.given[i]) continue;
                rows.push_back(i == 0 ? last_prompt_row : first + static_cast<std::int64_t>(i) - 1);
                labels.push_back(answer.ids[i]);
                owners.push_back(batch.answer_count);
            }
            const auto end = static_cast<std::int64_t>(ids.size());
            batch.segments.push_back(
                {begin, end, joined ? 0 : record_begin, joined ? 0 : record_begin + prompt});
            ++batch.answer_count;
        }
    }
    batch.ids_T = at::tensor(ids);
    batch.position_T = at::tensor(positions);
    batch.row_N = at::tensor(rows);
    batch.label_N = at::tensor(labels);
    batch.answer_N = at::tensor(owners);
    return batch;
}

inline PackedBatch one_sequence(const std::vector<std::int64_t>& ids) {
    return pack_records({{{ids[0]}, {{{ids.begin() + 1, ids.end()}, {}}}}}, true);
}

/// Logits [40, vocabulary] after the ids of tests/src/model/oracle.py.
inline at::Tensor golden_logits(const Decoder& decoder) {
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < 40; ++i) ids.push_back((5 * i + 3) % 37);
    return decoder_hidden(decoder, one_sequence(ids)).matmul(head_weight(decoder).t());
}

/// Records of mixed lengths: one answer, several, some tokens given, one longer than a block of rows.
inline std::vector<TestRecord> mixed_records(std::uint64_t seed, std::int64_t vocabulary) {
    Rng rng(seed);
    const auto ids = [&](std::size_t count) {
        std::vector<std::int64_t> out;
        for (std::size_t i = 0; i < count; ++i)
            out.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(vocabulary))));
        return out;
    };
    TestAnswer marked{ids(9), std::vector<bool>(9, false)};
    marked.given[0] = marked.given[1] = marked.given[5] = true;
    return {{ids(5), {{ids(3), {}}, {ids(7), {}}, {ids(1), {}}}},
            {ids(1), {marked}},
            {ids(53), {{ids(60), {}}, {ids(101), {}}}}};
}

inline bool close(const at::Tensor& a, const at::Tensor& b, double tolerance) {
    return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() <= tolerance;
}

}  // namespace linvox

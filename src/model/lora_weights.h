// What a low-rank adapter consists of: LoRA (arXiv 2106.09685), rank-stabilised (arXiv 2312.03732), and DoRA
// (arXiv 2402.09353). Data alone; lora.h makes and merges adapters, adapter_directory.h reads and writes
// them. R rank, I inputs and O outputs of the adapted projection.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/config/visitor.h"

namespace linvox {

struct LoraConfig {
    std::int64_t rank = 0;  // 0: no adapter
    double alpha = 32.0;
    double dropout = 0.0;  // on the adapter's input, in training
    std::vector<std::string> target_modules = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                               "gate_proj", "up_proj", "down_proj"};
    bool rslora = false, dora = false;
    std::vector<std::string> modules_to_save;  // trained whole: embed_tokens, lm_head
    bool operator==(const LoraConfig&) const = default;

    /// What B A is multiplied with.
    double scale() const;
    void visit(ConfigVisitor& v);
};

/// One adapted projection: W + scale B A, under DoRA with the rows brought to length `magnitude`.
struct LoraPair {
    at::Tensor a_RI, b_OR;
    at::Tensor magnitude_O;  // undefined without DoRA
    bool present() const { return a_RI.defined(); }
};

struct LoraLayer {
    LoraPair q, k, v, o, gate, up, down;
};

/// The adapter of a decoder, beside frozen weights. Copies share storage.
struct LoraAdapter {
    LoraConfig config;
    std::vector<LoraLayer> layers;  // one per decoder layer; empty: no adapter
    /// The base's own tensors of modules_to_save, by weight name; the decoder holds the trained ones.
    std::map<std::string, at::Tensor> replaced;
};

}  // namespace linvox

// The decoder LM: RMSNorm, rotary positions, grouped-query attention, SwiGLU (llama, qwen2, qwen3).
// Weights and the packed forward pass. The vocabulary head is score.h's; generation is src/generate's.
// T tokens, D hidden size, V vocabulary, F MLP width, Q query width, K key width.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/model/lora_weights.h"
#include "src/model/model_config.h"
#include "src/model/packed_batch.h"
#include "src/model/weights.h"

namespace linvox {

struct DecoderLayer {
    at::Tensor input_norm_D;
    at::Tensor q_weight_QD, k_weight_KD, v_weight_KD;  // HF layout: [out, in]
    at::Tensor q_bias_Q, k_bias_K, v_bias_K;           // undefined without qkv_bias
    at::Tensor q_norm_H, k_norm_H;                     // [head_dim]; undefined without qk_norm
    at::Tensor o_weight_DQ;
    at::Tensor post_norm_D;
    at::Tensor gate_weight_FD, up_weight_FD, down_weight_DF;
};

/// All weights of one device and one dtype (float32 for training, bfloat16 or float16 for inference, float64
/// in tests), or matrices of a narrower one than norms and biases. Copies share storage; clone_decoder() does
/// not. With an adapter (lora.h) the weights are the frozen base and the adapter is a part of every forward
/// pass.
struct Decoder {
    ModelConfig config;
    at::Tensor embedding_VD;
    std::vector<DecoderLayer> layers;
    at::Tensor final_norm_D;
    at::Tensor head_VD;  // undefined when config.tie_word_embeddings
    LoraAdapter lora;

    bool has_lora() const { return !lora.layers.empty(); }
};

/// The precision of the matrix products. Sums over rows, norms and softmax are float32 in either case.
enum class Compute {
    as_weights,  // the matrices' own dtype
    bfloat16,    // matrices are cast once per call; gradients land in their own dtype
    float64,     // likewise, a layer at a time: a check against exact arithmetic without an exact model
};

struct ForwardOptions {
    Compute compute = Compute::as_weights;
    double dropout = 0.0;            // probability, on the embedding and on both branch outputs of each layer
    std::uint64_t dropout_seed = 0;  // one per step; the mask is a function of seed, place and element
    double lora_dropout = 0.0;       // probability, on the input of every adapter; the same seed
    bool checkpoint_layers = false;  // keep only each layer's input, compute the rest again in backward
    /// The tokens' gradients are added to the embedding's grad() as they arrive, for callers whose backward
    /// pass has filled it before (a tied head): autograd would make a second matrix of its size, and a third
    /// of both.
    bool embedding_gradient_in_place = false;
};

/// Fresh weights, float32 on the CPU: normal(0, 0.02), the two projections back into the residual stream
/// scaled by 1/sqrt(2 layers), norms 1, biases 0 (Radford et al. 2019). Same seed, same weights.
Decoder make_decoder(const ModelConfig& config, std::uint64_t seed);

/// An undefined tensor per weight; loaders fill it through visit_weights.
Decoder empty_decoder(const ModelConfig& config);

/// Every weight of the model in a fixed order, named as Hugging Face names it. Adapters: visit_lora.
void visit_weights(Decoder& decoder, const WeightVisitor& visit);
void visit_weights(const Decoder& decoder, const ConstWeightVisitor& visit);

/// The shape of every weight that a model of this config has, by name.
std::map<std::string, std::vector<std::int64_t>> weight_shapes(const ModelConfig& config);

/// The matrix of the vocabulary head [V, D]: the embedding when tied.
const at::Tensor& head_weight(const Decoder& decoder);

/// A copy in which `change` stands for every tensor, an adapter's too.
Decoder map_decoder(const Decoder& decoder, const std::function<at::Tensor(const at::Tensor&)>& change);

/// Independent storage (clone), or another dtype (cast, sharing storage where the dtype is the same already).
/// Neither copy requires a gradient. Both copy the adapter too.
Decoder clone_decoder(const Decoder& decoder);
Decoder cast_decoder(const Decoder& decoder, at::ScalarType dtype);
void set_requires_grad(Decoder& decoder, bool value);
std::int64_t weight_count(const Decoder& decoder);

/// Hidden states [T, D] after the final norm, one row per token of the batch, in the compute dtype.
/// Throws DataError when an id is outside the vocabulary or a position outside the model's context.
at::Tensor decoder_hidden(const Decoder& decoder, const PackedBatch& batch,
                          const ForwardOptions& options = {});

}  // namespace linvox

#include "src/model/lora.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

struct LoraSlot {
    const char* module;
    at::Tensor DecoderLayer::*weight;
    LoraPair LoraLayer::*pair;
};
constexpr std::array kLoraSlots = {
    LoraSlot{"self_attn.q_proj", &DecoderLayer::q_weight_QD, &LoraLayer::q},
    LoraSlot{"self_attn.k_proj", &DecoderLayer::k_weight_KD, &LoraLayer::k},
    LoraSlot{"self_attn.v_proj", &DecoderLayer::v_weight_KD, &LoraLayer::v},
    LoraSlot{"self_attn.o_proj", &DecoderLayer::o_weight_DQ, &LoraLayer::o},
    LoraSlot{"mlp.gate_proj", &DecoderLayer::gate_weight_FD, &LoraLayer::gate},
    LoraSlot{"mlp.up_proj", &DecoderLayer::up_weight_FD, &LoraLayer::up},
    LoraSlot{"mlp.down_proj", &DecoderLayer::down_weight_DF, &LoraLayer::down}};

const std::vector<std::string> kTargets = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                           "gate_proj", "up_proj", "down_proj"};

bool is_target(const LoraConfig& config, std::string_view module) {
    return std::any_of(config.target_modules.begin(), config.target_modules.end(),
                       [&](const std::string& name) { return module.substr(module.find('.') + 1) == name; });
}

std::string saved_weight_name(const std::string& module) {
    return module == "lm_head" ? "lm_head.weight" : "model." + module + ".weight";
}

/// One list for both constnesses.
template <typename AnyDecoder, typename Visit>
void walk_lora(AnyDecoder& decoder, const Visit& visit) {
    for (std::size_t i = 0; i < decoder.lora.layers.size(); ++i)
        for (const LoraSlot& slot : kLoraSlots) {
            auto& pair = decoder.lora.layers[i].*slot.pair;
            if (!pair.present()) continue;
            const std::string at = fmt::format("model.layers.{}.{}.", i, slot.module);
            visit(at + "lora_A.weight", pair.a_RI);
            visit(at + "lora_B.weight", pair.b_OR);
            if (pair.magnitude_O.defined()) visit(at + "lora_magnitude_vector", pair.magnitude_O);
        }
    using Weight = std::conditional_t<std::is_const_v<AnyDecoder>, const at::Tensor, at::Tensor>;
    visit_weights(decoder, [&](const std::string& name, Weight& weight) {
        if (decoder.lora.replaced.contains(name)) visit(name, weight);
    });
}

at::ScalarType adapter_dtype(const at::Tensor& weight) {
    return weight.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

LoraPair fresh_pair(const at::Tensor& weight_OI, const LoraConfig& config, Rng rng) {
    LoraPair pair;
    const std::int64_t inputs = weight_OI.size(1), outputs = weight_OI.size(0);
    const auto options = weight_OI.options().dtype(adapter_dtype(weight_OI)).requires_grad(false);
    const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
    at::Tensor a = at::empty({config.rank, inputs}, at::kFloat);
    float* values = a.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < a.numel(); ++i)
        values[i] = static_cast<float>((2.0 * rng.uniform() - 1.0) * bound);
    pair.a_RI = a.to(options);
    pair.b_OR = at::zeros({outputs, config.rank}, options);
    if (config.dora) pair.magnitude_O = adapted_row_norm(weight_OI, pair, config.scale());
    return pair;
}

/// W + scale B A, rows rescaled under DoRA, in the dtype of W.
at::Tensor merged_weight(const at::Tensor& weight_OI, const LoraPair& pair, double scale) {
    const at::Tensor sum = weight_OI.to(pair.a_RI.scalar_type()) + pair.b_OR.matmul(pair.a_RI) * scale;
    if (!pair.magnitude_O.defined()) return sum.to(weight_OI.scalar_type());
    const at::Tensor gain_O = pair.magnitude_O / adapted_row_norm(weight_OI, pair, scale);
    return (sum * gain_O.unsqueeze(1)).to(weight_OI.scalar_type());
}

}  // namespace

double LoraConfig::scale() const {
    const auto r = static_cast<double>(rank);
    return rank == 0 ? 0.0 : alpha / (rslora ? std::sqrt(r) : r);
}

void LoraConfig::visit(ConfigVisitor& v) {
    v.field("rank", rank, "rank of the adapters; 0: none, all weights are trained", Range{0, 4096});
    v.field("alpha", alpha, "adapters are multiplied by alpha / rank", Range{1e-6, 1e6});
    v.field("dropout", dropout, "on the adapters' input while training", Range{0.0, 0.95});
    v.field("target_modules", target_modules, "projections with an adapter", kTargets);
    v.field("rslora", rslora, "multiply by alpha / sqrt(rank) instead (arXiv 2312.03732)");
    v.field("dora", dora, "learn the length of each row apart from its direction (arXiv 2402.09353)");
    v.field("modules_to_save", modules_to_save, "trained whole beside the adapters; untied models only",
            {"embed_tokens", "lm_head"});
}

void check(const LoraConfig& config, const ModelConfig& model) {
    LINVOX_REQUIRE(config.rank > 0 && !config.target_modules.empty(), UserError,
                   "lora: rank is {} and target_modules [{}]; an adapter needs a rank and a projection",
                   config.rank, fmt::join(config.target_modules, ", "));
    for (const std::string& module : config.target_modules)
        LINVOX_REQUIRE(std::find(kTargets.begin(), kTargets.end(), module) != kTargets.end(), UserError,
                       "lora: target module '{}' is not one of {}", module, fmt::join(kTargets, " "));
    LINVOX_REQUIRE(
        config.modules_to_save.empty() || !model.tie_word_embeddings, UserError,
        "lora: modules_to_save [{}] of a model that ties head and embedding; save it untied first, "
        "or leave them out",
        fmt::join(config.modules_to_save, ", "));
    for (const std::string& module : config.modules_to_save)
        LINVOX_REQUIRE(module == "embed_tokens" || module == "lm_head", UserError,
                       "lora: modules_to_save '{}' is not one of embed_tokens lm_head", module);
}

std::string describe(const LoraConfig& lora) {
    return fmt::format("r {} alpha {} dropout {} on {}{}{}{}{}", lora.rank, lora.alpha, lora.dropout,
                       fmt::join(lora.target_modules, " "), lora.rslora ? " rslora" : "",
                       lora.dora ? " dora" : "", lora.modules_to_save.empty() ? "" : " saving ",
                       fmt::join(lora.modules_to_save, " "));
}

void add_lora(Decoder& decoder, const LoraConfig& config, std::uint64_t seed) {
    LINVOX_ASSERT(!decoder.has_lora(), "a second adapter on a decoder");
    check(config, decoder.config);
    const at::NoGradGuard no_grad;
    decoder.lora.config = config;
    decoder.lora.layers.resize(decoder.layers.size());
    for (const AdaptedProjection& at : projections(decoder))
        if (is_target(config, at.module))
            *at.pair = fresh_pair(*at.weight, config, Rng(mix_seed(seed, "lora", at.layer, at.module)));
    for (const std::string& module : config.modules_to_save)
        visit_weights(decoder, [&](const std::string& name, at::Tensor& weight) {
            if (name != saved_weight_name(module)) return;
            decoder.lora.replaced[name] = weight;
            weight = weight.to(adapter_dtype(weight), /*non_blocking=*/false, /*copy=*/true);
        });
}

void visit_lora(Decoder& decoder, const WeightVisitor& visit) { walk_lora(decoder, visit); }
void visit_lora(const Decoder& decoder, const ConstWeightVisitor& visit) { walk_lora(decoder, visit); }

std::vector<AdaptedProjection> projections(Decoder& decoder) {
    LINVOX_ASSERT(decoder.lora.layers.size() == decoder.layers.size(), "a decoder without adapter");
    std::vector<AdaptedProjection> all;
    for (std::size_t i = 0; i < decoder.layers.size(); ++i)
        for (const LoraSlot& slot : kLoraSlots)
            all.push_back(
                {i, slot.module, &(decoder.layers[i].*slot.weight), &(decoder.lora.layers[i].*slot.pair)});
    return all;
}

Decoder without_lora(const Decoder& decoder) {
    Decoder base = decoder;
    visit_weights(base, [&](const std::string& name, at::Tensor& weight) {
        const auto own = decoder.lora.replaced.find(name);
        if (own != decoder.lora.replaced.end()) weight = own->second;
    });
    base.lora = {};
    return base;
}

Decoder clone_lora(const Decoder& decoder) {
    Decoder copy = decoder;
    visit_lora(copy, [](const std::string&, at::Tensor& tensor) { tensor = tensor.detach().clone(); });
    return copy;
}

Decoder merged_lora(const Decoder& decoder) {
    const at::NoGradGuard no_grad;
    if (!decoder.has_lora()) return decoder;
    Decoder merged = decoder;
    const double scale = decoder.lora.config.scale();
    for (const AdaptedProjection& at : projections(merged))
        if (at.pair->present()) *at.weight = merged_weight(at.weight->detach(), *at.pair, scale);
    visit_weights(merged, [&](const std::string& name, at::Tensor& weight) {
        const auto own = decoder.lora.replaced.find(name);
        if (own != decoder.lora.replaced.end()) weight = weight.detach().to(own->second.scalar_type());
    });
    merged.lora = {};
    return merged;
}

at::Tensor adapted_row_norm(const at::Tensor& weight_OI, const LoraPair& pair, double scale) {
    const at::NoGradGuard no_grad;
    // |w + s b A|^2 = |w|^2 + 2 s b.(A w) + s^2 b (A A^T) b: nothing of the size of W beside W itself.
    const at::Tensor weight = weight_OI.to(pair.a_RI.scalar_type());
    const at::Tensor mixed_OR = weight.matmul(pair.a_RI.t());
    const at::Tensor gram_RR = pair.a_RI.matmul(pair.a_RI.t());
    const at::Tensor cross_O =
        (pair.b_OR * (mixed_OR * (2.0 * scale) + pair.b_OR.matmul(gram_RR) * (scale * scale))).sum(1);
    return (weight.norm(2, 1).square() + cross_O).clamp_min(0.0).sqrt();
}

std::int64_t lora_weight_count(const Decoder& decoder) {
    std::int64_t count = 0;
    visit_lora(decoder, [&](const std::string&, const at::Tensor& tensor) { count += tensor.numel(); });
    return count;
}

}  // namespace linvox

#include "src/train/align_reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/lerp.h>
#include <fmt/format.h>

#include "src/base/error.h"
#include "src/model/lora.h"
#include "src/train/pair_batch_score.h"

namespace linvox {
namespace {

/// What training can move: the adapter where there is one, else the weights.
void visit_moving(Decoder& decoder, const WeightVisitor& visit) {
    decoder.has_lora() ? visit_lora(decoder, visit) : visit_weights(decoder, visit);
}

}  // namespace

bool uses_live_reference(const AlignConfig& config) {
    return config.reference_update != "none" || loss_reads(config.loss).reference_logits();
}

bool needs_stored_token_values(const AlignConfig& config) {
    return loss_reads(config.loss).reference_tokens && !uses_live_reference(config);
}

void move_reference(Decoder& reference, const Decoder& policy, double share) {
    const at::NoGradGuard no_grad;
    const TensorMap towards = decoder_tensors(policy);
    visit_moving(reference, [&](const std::string& name, at::Tensor& weight) {
        if (share == 1.0)
            weight.copy_(towards.at(name));
        else
            weight.lerp_(towards.at(name), share);
    });
}

void update_reference(Decoder& reference, const Decoder& policy, const AlignConfig& config,
                      std::int64_t step) {
    if (config.reference_update == "none" || step % config.reference_every != 0) return;
    move_reference(reference, policy, config.reference_update == "hard" ? 1.0 : config.reference_alpha);
}

std::string describe_reference_update(const AlignConfig& config) {
    if (config.reference_update == "none") return "none";
    if (config.reference_update == "hard") return fmt::format("hard every {}", config.reference_every);
    return fmt::format("soft {} every {}", config.reference_alpha, config.reference_every);
}

TensorMap decoder_tensors(const Decoder& decoder) {
    TensorMap tensors;
    const ConstWeightVisitor take = [&](const std::string& name, const at::Tensor& weight) {
        tensors[name] = weight.detach();
    };
    decoder.has_lora() ? visit_lora(decoder, take) : visit_weights(decoder, take);
    return tensors;
}

void restore_decoder(Decoder& decoder, const TensorMap& tensors) {
    const at::NoGradGuard no_grad;
    visit_moving(decoder, [&](const std::string& name, at::Tensor& weight) {
        const auto found = tensors.find(name);
        LINVOX_REQUIRE(found != tensors.end() && found->second.sizes() == weight.sizes(), DataError,
                       "the checkpoint's reference lacks the weight '{}', or has another shape of it; delete "
                       "the checkpoints to start again",
                       name);
        weight.copy_(found->second);
    });
}

}  // namespace linvox

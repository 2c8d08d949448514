#include "src/train/decoder_parameters.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include "src/base/error.h"
#include "src/model/lora.h"

namespace linvox {

std::vector<TrainedParameter> trained_parameters(Decoder& decoder, const std::vector<std::string>& freeze) {
    set_requires_grad(decoder, false);
    std::vector<TrainedParameter> parameters;
    std::vector<bool> used(freeze.size(), false);
    const WeightVisitor take = [&](const std::string& name, at::Tensor& tensor) {
        bool frozen = false;
        for (std::size_t i = 0; i < freeze.size(); ++i)
            if (fnmatch(freeze[i].c_str(), name.c_str(), 0) == 0) frozen = used[i] = true;
        if (frozen) return;
        tensor.requires_grad_(true);
        parameters.push_back(trained_parameter(name, tensor));
    };
    if (decoder.has_lora())
        visit_lora(decoder, take);
    else
        visit_weights(decoder, take);
    for (std::size_t i = 0; i < freeze.size(); ++i)
        LINVOX_REQUIRE(used[i], UserError,
                       "freeze: no trained weight matches '{}'; names look like "
                       "model.layers.0.self_attn.q_proj.weight",
                       freeze[i]);
    LINVOX_REQUIRE(!parameters.empty(), UserError, "freeze: [{}] leaves nothing to train",
                   fmt::join(freeze, ", "));
    return parameters;
}

void narrow_weights(Decoder& decoder) {
    visit_weights(decoder, [](const std::string&, at::Tensor& weight) {
        const bool large = weight.dim() == 2 && weight.numel() >= kSmallestTensor8;
        // Copied even where the dtype stays: one tensor of a mapped file keeps all of it in memory.
        weight = weight.detach().to(large ? at::kBFloat16 : weight.scalar_type(), false, /*copy=*/true);
    });
}

}  // namespace linvox

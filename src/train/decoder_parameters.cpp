#include "src/train/decoder_parameters.h"

namespace linvox {

std::vector<TrainedParameter> trained_parameters(Decoder& decoder) {
    set_requires_grad(decoder, true);
    std::vector<TrainedParameter> parameters;
    visit_weights(decoder, [&](const std::string& name, at::Tensor& weight) {
        parameters.push_back(trained_parameter(name, weight));
    });
    return parameters;
}

}  // namespace linvox

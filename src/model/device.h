// Where models are trained, scored and sampled: one CUDA GPU, or the CPU. A process has one such place.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "src/model/decoder.h"

namespace linvox {

/// What configure_device takes: auto, cpu, cuda.
const std::vector<std::string>& device_choices();

/// auto, which is what holds before any call: the first CUDA GPU that LibTorch sees, else the CPU. UserError
/// for "cuda" where there is none, saying why. On a GPU LibTorch is asked for deterministic algorithms.
void configure_device(const std::string& choice);
at::Device compute_device();

/// "NVIDIA H200", or "cpu".
std::string device_name();
/// Until what was asked of it is done; for clocks.
void wait_for_device();

/// The inputs of a step on the device. From the host the copy may still be under way: it is ordered before
/// whatever the device does next, and nothing waits. It passes through pinned memory, which LibTorch keeps:
/// not for weights.
at::Tensor on_device(const at::Tensor& tensor, at::Device device);

/// The decoder with all its tensors on the device, an adapter's too; it shares what is there already. On a
/// GPU matrices that are multiplied together lie together (joined_linear.h).
Decoder on_device(const Decoder& decoder, at::Device device);

}  // namespace linvox

#include "src/model/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>

#include <cstdlib>

#include "src/base/error.h"
#include "src/model/gpu_module.h"
#include "src/model/joined_linear.h"
#include "src/model/torch_compat.h"

namespace linvox {
namespace {

at::Device resolved(const std::string& choice) {
    if (choice == "cpu" || !at::hasCUDA()) return at::kCPU;
    // The same numbers each time, at little cost; without them sums over records come in any order.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
    return {at::kCUDA, 0};
}

at::Device& chosen_device() {
    static at::Device device = resolved("auto");
    return device;
}

}  // namespace

const std::vector<std::string>& device_choices() {
    static const std::vector<std::string> choices = {"auto", "cpu", "cuda"};
    return choices;
}

void configure_device(const std::string& choice) {
    LINVOX_REQUIRE(
        choice != "cuda" || at::hasCUDA(), UserError,
        "device 'cuda': LibTorch {}; set the device to cpu, or build with a CUDA build of LibTorch on a "
        "machine with an NVIDIA GPU and its driver (LINVOX_TORCH names the folder)",
        is_cuda_build() ? "sees no GPU" : "is a build for CPUs only");
    chosen_device() = resolved(choice);
}

at::Device compute_device() { return chosen_device(); }

std::string device_name() { return compute_device().is_cuda() ? gpu_name() : "cpu"; }

void wait_for_device() {
    if (compute_device().is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(0);
}

at::Tensor on_device(const at::Tensor& tensor, at::Device device) {
    // Only from pinned memory the host goes on at once. Home the bytes are waited for.
    if (tensor.is_cpu() && device.is_cuda() && tensor.numel() > 0)
        return tensor.pin_memory().to(device, /*non_blocking=*/true);
    return tensor.to(device);
}

Decoder on_device(const Decoder& decoder, at::Device device) {
    Decoder placed = map_decoder(decoder, [device](const at::Tensor& tensor) {
        return tensor.device() == device ? tensor : tensor.detach().to(device);
    });
    if (!device.is_cuda()) return placed;
    for (DecoderLayer& layer : placed.layers) {
        lay_together({&layer.q_weight_QD, &layer.k_weight_KD, &layer.v_weight_KD});
        lay_together({&layer.q_bias_Q, &layer.k_bias_K, &layer.v_bias_K});
        lay_together({&layer.gate_weight_FD, &layer.up_weight_FD});
    }
    return placed;
}

}  // namespace linvox

// What differs between LibTorch versions, and the process-wide switches of LibTorch.
#pragma once

#include <cstdint>
#include <exception>

namespace linvox {

/// Threads of one tensor operation (all of src/model and src/generate included); 0: every core this process
/// may use. The only place that sets them. Also lets the C library keep freed memory up to 512 MiB.
void configure_threads(int threads);

/// Whether this CPU has matrix units for bfloat16 (AMX), so that bfloat16 products beat float32 ones. On a
/// Xeon with AVX512_BF16 alone float32 was twice as fast (LibTorch 2.13, 1000 x 192 x 576: 320 against 169
/// GFLOP/s on two cores).
bool bfloat16_is_faster();

/// Whether LibTorch was built for CUDA, be there a GPU or not.
bool is_cuda_build();

/// The most bytes that tensors held on the first GPU since the last reset; 0 without one, and with a LibTorch
/// before 2.9.
std::int64_t peak_device_bytes();
void reset_peak_device_bytes();

/// Whether an allocation of a tensor failed, on the host or on a GPU.
bool is_out_of_memory(const std::exception& error);

}  // namespace linvox

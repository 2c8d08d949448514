#include "src/model/torch_compat.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <new>
#include <string_view>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "src/base/parallel.h"

#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9
#define LINVOX_HAS_DEVICE_ALLOCATOR
#include <c10/core/CachingDeviceAllocator.h>
#endif

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
// MKL multiplies LibTorch's float32 matrices, and on processors of other makers than Intel it takes its
// slower kernels whatever instructions they have: on an AMD EPYC (Zen 5) 216 GFLOP/s of the 490 that two
// cores reach. It decides by this function of its own, which the wheels export; ours comes first. Which
// instructions there are it asks the processor itself.
extern "C" __attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() { return 1; }
#endif

namespace linvox {

void configure_threads(int threads) {
    at::set_num_threads(threads > 0 ? threads : core_count());
#if defined(__GLIBC__)
    // Tensors of one step are freed and wanted again in the next. Given back to the kernel in between, they
    // come back page by page: a fifth of a training step of a 0.5 B model.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

bool bfloat16_is_faster() {
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1)) return true;  // AMX-BF16
    const bool has_avx512_bf16 = __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
    constexpr unsigned amd = 0x68747541;  // "Auth"enticAMD
    return has_avx512_bf16 && __get_cpuid(0, &a, &b, &c, &d) && b == amd;
#else
    return false;
#endif
}

bool is_cuda_build() { return at::detail::getCUDAHooks().hasCUDART(); }

std::int64_t peak_device_bytes() {
#if defined(LINVOX_HAS_DEVICE_ALLOCATOR)
    if (!at::hasCUDA()) return 0;
    constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return c10::getDeviceAllocator(at::kCUDA)->getDeviceStats(0).allocated_bytes[kAll].peak;
#else
    return 0;
#endif
}

void reset_peak_device_bytes() {
#if defined(LINVOX_HAS_DEVICE_ALLOCATOR)
    if (at::hasCUDA()) c10::getDeviceAllocator(at::kCUDA)->resetPeakStats(0);
#endif
}

bool is_out_of_memory(const std::exception& error) {
    if (dynamic_cast<const c10::OutOfMemoryError*>(&error) || dynamic_cast<const std::bad_alloc*>(&error))
        return true;
    // The allocator of the host throws the general type.
    return dynamic_cast<const c10::Error*>(&error) &&
           std::string_view(error.what()).find("DefaultCPUAllocator") != std::string_view::npos;
}

}  // namespace linvox

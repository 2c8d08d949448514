// Kernels of our own on a CUDA GPU, compiled when they are first used by the NVRTC that a CUDA build of
// LibTorch brings: the program builds and starts without a CUDA toolkit, and without a GPU. Not for
// LibTorch's own operators.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace linvox {

/// One source file of kernels; gpu_prelude.cu stands in front of it. One GPU, the stream that LibTorch uses
/// as long as nobody changes it (the default one). Thread-safe.
class GpuModule {
public:
    explicit GpuModule(const char* source);
    ~GpuModule();

    /// Runs a kernel, named as an instance of its template ("swiglu_forward<bf16, 4>"), on `blocks` blocks;
    /// no blocks, no launch. `arguments` must have the kernel's parameter types exactly. Returns at once.
    /// UserError when it cannot be compiled or launched.
    template <typename... Arguments>
    void launch(const std::string& kernel, std::int64_t blocks, unsigned threads,
                Arguments... arguments) const {
        void* pointers[] = {&arguments...};
        launch_pointers(kernel, blocks, threads, pointers);
    }

private:
    void launch_pointers(const std::string& kernel, std::int64_t blocks, unsigned threads,
                         void** arguments) const;

    struct Compiled;
    std::unique_ptr<Compiled> compiled_;
};

/// Of the first GPU, as its maker calls it.
std::string gpu_name();

/// Whether it has bfloat16 matrix units, which flash attention needs too: compute capability 8.0 and above.
bool gpu_multiplies_bfloat16();

}  // namespace linvox

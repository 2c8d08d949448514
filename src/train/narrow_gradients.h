// Gradients as bfloat16: of each tensor that is watched, from the moment a backward pass has finished with it, so that
// float32 gradients of all of them never stand side by side. Where products are bfloat16 and a step is one
// micro-batch, that loses nothing; sums over micro-batches are rounded.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace linvox {

class NarrowGradients {
public:
    /// Watches the leaves until it is destroyed; their grad() is undefined whenever no backward pass runs.
    explicit NarrowGradients(std::vector<at::Tensor> leaves);
    ~NarrowGradients();
    NarrowGradients(const NarrowGradients&) = delete;
    NarrowGradients& operator=(const NarrowGradients&) = delete;

    /// Of the leaf of that number: the sum since reset(), bfloat16; undefined when there is none.
    at::Tensor gradient(std::size_t leaf);
    void reset();

private:
    std::vector<at::Tensor> leaves_;
    std::vector<std::shared_ptr<at::Tensor>> sums_;  // of each leaf; its hook holds it too
};

/// The L2 norm of a bfloat16 tensor, summed in float32, 0-dim, without a float32 copy of it.
at::Tensor narrow_norm(const at::Tensor& narrow);

}  // namespace linvox

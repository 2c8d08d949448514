#include "src/train/narrow_gradients.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <utility>

namespace linvox {
namespace {

void take_in(at::Tensor& sum, const at::Tensor& leaf) {
    const at::NoGradGuard no_grad;
    at::Tensor& grad = leaf.mutable_grad();
    if (!grad.defined()) return;
    if (grad.is_sparse()) {  // rows of an embedding, see ForwardOptions::embedding_gradient_in_place
        if (!sum.defined()) sum = at::zeros(leaf.sizes(), leaf.options().dtype(at::kBFloat16).requires_grad(false));
        sum.index_add_(0, grad._indices()[0], grad._values().to(at::kBFloat16));
    } else if (sum.defined()) {
        sum.add_(grad);
    } else {
        sum = grad.to(at::kBFloat16);
    }
    grad.reset();
}

struct TakeIn : torch::autograd::PostAccumulateGradHook {
    explicit TakeIn(std::shared_ptr<at::Tensor> into) : sum(std::move(into)) {}
    void operator()(const at::Tensor& leaf) override { take_in(*sum, leaf); }
    std::shared_ptr<at::Tensor> sum;
};

}  // namespace

NarrowGradients::NarrowGradients(std::vector<at::Tensor> leaves) : leaves_(std::move(leaves)) {
    for (const at::Tensor& leaf : leaves_) {
        sums_.push_back(std::make_shared<at::Tensor>());
        torch::autograd::impl::set_post_acc_grad_hooks(leaf, std::make_unique<TakeIn>(sums_.back()));
    }
}

NarrowGradients::~NarrowGradients() {
    for (const at::Tensor& leaf : leaves_) torch::autograd::impl::set_post_acc_grad_hooks(leaf, nullptr);
}

at::Tensor NarrowGradients::gradient(std::size_t leaf) {
    take_in(*sums_[leaf], leaves_[leaf]);
    return *sums_[leaf];
}

void NarrowGradients::reset() {
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
        sums_[i]->reset();
        leaves_[i].mutable_grad().reset();
    }
}

at::Tensor narrow_norm(const at::Tensor& narrow) {
    constexpr std::int64_t chunk = 1 << 22;
    const at::Tensor flat = narrow.view(-1);
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0; begin < flat.numel(); begin += chunk)
        parts.push_back(at::linalg_vector_norm(flat.slice(0, begin, std::min(begin + chunk, flat.numel())).to(at::kFloat), 2));
    return at::linalg_vector_norm(at::stack(parts), 2);
}

}  // namespace linvox

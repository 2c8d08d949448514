#include "src/model/add_rows.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "src/model/device.h"

namespace linvox {
namespace {

// On a GPU too, where there is one.
TEST(Rows, AreTakenAndTheirGradientsAddUp) {
    for (const at::Device device : {at::Device(at::kCPU), compute_device()}) {
        const at::Tensor source =
            at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}).view({3, 2}).to(device).requires_grad_(true);
        const at::Tensor index = at::tensor({2, 0, 2}, at::kLong).to(device);
        const at::Tensor taken = take_rows(source, index);
        EXPECT_TRUE(at::equal(taken.detach().cpu(), at::tensor({5.0, 6.0, 1.0, 2.0, 5.0, 6.0}).view({3, 2})));
        (taken * at::tensor({1.0, 10.0, 100.0}).view({3, 1}).to(device)).sum().backward();
        EXPECT_TRUE(
            at::equal(source.grad().cpu(), at::tensor({10.0, 10.0, 0.0, 0.0, 101.0, 101.0}).view({3, 2})));
    }
}

TEST(Rows, AddUpWhereTheyBelong) {
    for (const at::Device device : {at::Device(at::kCPU), compute_device()}) {
        const at::Tensor rows = at::tensor({1.0, 10.0, 100.0}).to(device).requires_grad_(true);
        at::Tensor sum = at::zeros({3}, rows.options().requires_grad(false));
        add_rows(sum, at::tensor({1, 1, 0}, at::kLong).to(device), rows);
        EXPECT_TRUE(at::equal(sum.detach().cpu(), at::tensor({100.0, 11.0, 0.0})));
        (sum * at::tensor({2.0, 3.0, 5.0}).to(device)).sum().backward();
        EXPECT_TRUE(at::equal(rows.grad().cpu(), at::tensor({3.0, 3.0, 2.0})));
    }
}

}  // namespace
}  // namespace linvox

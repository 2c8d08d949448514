#include "src/generate/huge_pages.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>

namespace linvox {
namespace {

bool begins_at(const at::Tensor& tensor, std::uintptr_t step) {
    return reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) % step == 0;
}

TEST(HugePages, CopiesLieOneBehindTheOtherFromTheBeginningOfAPage) {
    const at::Tensor wide = at::randn({1100, 1001}), turned = at::randn({999, 1001}).t();
    const at::Tensor narrow = at::randn({3, 5}).to(at::kBFloat16);
    at::Tensor a = wide, b = turned, c = narrow;
    move_to_huge_pages({&a, &b, &c});
    EXPECT_TRUE(begins_at(a, 2 << 20));
    EXPECT_NE(a.const_data_ptr(), wide.const_data_ptr());
    using Pair = std::pair<at::Tensor, at::Tensor>;
    for (const auto& [copy, original] : {Pair(a, wide), Pair(b, turned), Pair(c, narrow)}) {
        EXPECT_TRUE(at::equal(copy, original));
        EXPECT_EQ(copy.scalar_type(), original.scalar_type());
        EXPECT_TRUE(copy.is_contiguous());
        EXPECT_TRUE(begins_at(copy, 64));
    }
    const auto* end = static_cast<const char*>(a.const_data_ptr()) + a.nbytes();
    EXPECT_LT(static_cast<const char*>(b.const_data_ptr()) - end, 64);
    a.reset();
    b.reset();
    EXPECT_TRUE(at::equal(c, narrow)) << "the memory lives as long as any of them";
}

TEST(HugePages, LittleIsLeftWhereItIs) {
    at::Tensor small = at::randn({10, 10});
    const void* before = small.const_data_ptr();
    move_to_huge_pages({&small});
    EXPECT_EQ(small.const_data_ptr(), before);
}

}  // namespace
}  // namespace linvox

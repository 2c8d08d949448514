#include "src/generate/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace linvox {
namespace {

constexpr std::uintptr_t kHugePage = 2 << 20;
constexpr int kCollapse = 25;  // MADV_COLLAPSE of linux/mman.h, which older C libraries do not name

}  // namespace

void use_huge_pages(const at::Tensor& tensor) {
#if defined(__linux__)
    if (!tensor.is_cpu() || !tensor.is_contiguous()) return;
    const auto address = reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr());
    const std::uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
    const std::uintptr_t end = (address + tensor.nbytes()) / kHugePage * kHugePage;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, kCollapse);
#endif
}

}  // namespace linvox

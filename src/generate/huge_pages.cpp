#include "src/generate/huge_pages.h"

#include <ATen/ops/from_blob.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace linvox {
namespace {

constexpr std::size_t kHugePage = 2 << 20, kSmallest = 8 << 20;
constexpr std::size_t kLine = 64;  // bytes; tensors begin at cache lines
constexpr int kCollapse = 25;      // MADV_COLLAPSE of linux/mman.h, which older C libraries do not name

std::size_t rounded_up(std::size_t bytes, std::size_t step) { return (bytes + step - 1) / step * step; }

/// Anonymous memory that begins at a huge page; null where there is none to be had.
std::shared_ptr<char> huge_memory(std::size_t bytes) {
    const std::size_t size = rounded_up(bytes, kHugePage) + kHugePage;
    void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    char* begin = reinterpret_cast<char*>(rounded_up(reinterpret_cast<std::uintptr_t>(mapped), kHugePage));
#if defined(__linux__)
    madvise(begin, size - kHugePage, MADV_HUGEPAGE);
#endif
    return {begin, [mapped, size](char*) { munmap(mapped, size); }};
}

}  // namespace

void move_to_huge_pages(const std::vector<at::Tensor*>& tensors) {
    std::size_t bytes = 0;
    for (const at::Tensor* tensor : tensors) {
        if (!tensor->is_cpu()) return;
        bytes += rounded_up(tensor->nbytes(), kLine);
    }
    if (bytes < kSmallest) return;
    const std::shared_ptr<char> memory = huge_memory(bytes);
    if (!memory) return;
    char* to = memory.get();
    for (at::Tensor* tensor : tensors) {
        const std::size_t size = tensor->nbytes();
        at::Tensor copy = at::from_blob(
            to, tensor->sizes(), [memory](void*) {}, tensor->options());
        copy.copy_(*tensor);
        *tensor = copy;
        to += rounded_up(size, kLine);
    }
#if defined(__linux__)
    madvise(memory.get(), rounded_up(bytes, kHugePage), kCollapse);  // what faults could not get at once
#endif
}

}  // namespace linvox

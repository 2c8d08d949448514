#include "src/model/parallel_ranges.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

#include <algorithm>
#include <atomic>

namespace linvox {

// LibTorch exports no plain parallel loop (at::parallel_for is a template over OpenMP pragmas), but
// TensorIterator runs any loop over its elements in parallel: element i of a byte tensor stands for item i.
void parallel_ranges(std::int64_t count, std::int64_t grain,
                     c10::function_ref<void(std::int64_t, std::int64_t)> work) {
    if (count <= 0) return;
    if (count <= grain || at::get_num_threads() == 1) return work(0, count);
    at::TensorBase items = at::detail::empty_cpu({count}, at::kByte);
    const char* first = static_cast<const char*>(items.const_data_ptr());
    at::TensorIterator iterator = at::TensorIterator::nullary_op(items);
    iterator.for_each(
        [&](char** data, const std::int64_t*, std::int64_t size, std::int64_t rows) {
            const std::int64_t begin = data[0] - first;
            work(begin, begin + size * rows);
        },
        grain);
}

void parallel_items(std::int64_t count, c10::function_ref<void(std::int64_t)> work) {
    const std::int64_t threads = std::min<std::int64_t>(count, at::get_num_threads());
    std::atomic<std::int64_t> next{0};
    parallel_ranges(threads, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t thread = begin; thread < end; ++thread)
            for (std::int64_t item = next++; item < count; item = next++) work(item);
    });
}

}  // namespace linvox

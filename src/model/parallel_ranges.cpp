#include "src/model/parallel_ranges.h"

#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <vector>

#include "src/base/error.h"

namespace linvox {
namespace {

/// The items that a thread has not begun: the first in the upper half, the end in the lower.
struct alignas(64) Share {
    std::atomic<std::uint64_t> rest{0};
};

/// The owner takes from the front, others from the back, so that an owner meets its items in their order.
std::optional<std::int64_t> take(Share& share, bool own) {
    std::uint64_t rest = share.rest.load(std::memory_order_relaxed);
    for (;;) {
        const std::uint64_t begin = rest >> 32, end = rest & 0xffffffff;
        if (begin >= end) return std::nullopt;
        const std::uint64_t left = own ? (begin + 1) << 32 | end : begin << 32 | (end - 1);
        if (share.rest.compare_exchange_weak(rest, left, std::memory_order_relaxed))
            return static_cast<std::int64_t>(own ? begin : end - 1);
    }
}

}  // namespace

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
    LINVOX_ASSERT(count <= std::numeric_limits<std::uint32_t>::max(), "{} parallel items", count);
    const std::int64_t threads = std::min<std::int64_t>(count, at::get_num_threads());
    std::vector<Share> shares(static_cast<std::size_t>(std::max<std::int64_t>(threads, 0)));
    for (std::int64_t t = 0; t < threads; ++t)
        shares[t].rest = static_cast<std::uint64_t>(count * t / threads) << 32 |
                         static_cast<std::uint64_t>(count * (t + 1) / threads);
    parallel_ranges(threads, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t t = begin; t < end; ++t)
            for (std::int64_t other = 0; other < threads; ++other) {
                Share& share = shares[(t + other) % threads];
                while (const auto item = take(share, /*own=*/other == 0)) work(*item);
            }
    });
}

}  // namespace linvox

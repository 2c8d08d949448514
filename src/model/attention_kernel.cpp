#include "src/model/attention_kernel.h"

#include <fmt/format.h>

#include <cmath>

#include "src/base/error.h"
#include "src/model/gemm_kernel.h"
#include "src/model/simd.h"

namespace linvox {
namespace {

constexpr std::int64_t kBlockRows = 48;  // query rows at a time; a multiple of every tile height

// Rows of one head, copied into float or double, padded to whole vectors, turned by their positions.
template <typename T, typename A>
struct RowCopy {
    std::int64_t rows = 0, head_dim = 0, padded = 0;
    const T* from = nullptr;  // first row's head
    std::int64_t from_row = 0;
    A* to = nullptr;  // [rows, padded]
    A scale = 1;
    const std::int64_t* position = nullptr;  // null: no rotation
    const A *cosine = nullptr, *sine = nullptr;
};

template <typename T, typename A>
struct ReadRows {
    template <typename Tile>
    LINVOX_INLINE static void run(const RowCopy<T, A>* job) {
        const std::int64_t half = job->head_dim / 2;
        for (std::int64_t row = 0; row < job->rows; ++row) {
            const T* from = job->from + row * job->from_row;
            A* to = job->to + row * job->padded;
            if (!job->position) {
                for (std::int64_t j = 0; j < job->head_dim; j += kLanes<A>)
                    store(to + j, load(from + j, job->head_dim - j) * job->scale, job->head_dim - j);
                continue;
            }
            const A* cosine = job->cosine + job->position[row] * half;
            const A* sine = job->sine + job->position[row] * half;
            for (std::int64_t j = 0; j < half; j += kLanes<A>) {
                const Vec<A> c = load(cosine + j, half - j), s = load(sine + j, half - j);
                const Vec<A> first = load(from + j, half - j) * job->scale;
                const Vec<A> second = load(from + half + j, half - j) * job->scale;
                store(to + j, first * c - second * s, half - j);
                store(to + half + j, second * c + first * s, half - j);
            }
        }
    }
};

/// The way back: from padded rows into the tensor, turned by minus the position.
template <typename T, typename A>
struct RowWrite {
    std::int64_t rows = 0, head_dim = 0, padded = 0;
    const A* from = nullptr;
    T* to = nullptr;
    std::int64_t to_row = 0;
    A scale = 1;
    const std::int64_t* position = nullptr;
    const A *cosine = nullptr, *sine = nullptr;
};

template <typename T, typename A>
struct WriteRows {
    template <typename Tile>
    LINVOX_INLINE static void run(const RowWrite<T, A>* job) {
        const std::int64_t half = job->head_dim / 2;
        for (std::int64_t row = 0; row < job->rows; ++row) {
            const A* from = job->from + row * job->padded;
            T* to = job->to + row * job->to_row;
            if (!job->position) {
                for (std::int64_t j = 0; j < job->head_dim; j += kLanes<A>)
                    store(to + j, load(from + j, job->head_dim - j) * job->scale, job->head_dim - j);
                continue;
            }
            const A* cosine = job->cosine + job->position[row] * half;
            const A* sine = job->sine + job->position[row] * half;
            for (std::int64_t j = 0; j < half; j += kLanes<A>) {
                const Vec<A> c = load(cosine + j, half - j), s = load(sine + j, half - j);
                const Vec<A> first = load(from + j, half - j) * job->scale;
                const Vec<A> second = load(from + half + j, half - j) * job->scale;
                store(to + j, first * c + second * s, half - j);
                store(to + half + j, second * c - first * s, half - j);
            }
        }
    }
};

/// to[column, row] = from[row, column], square blocks at a time so that lines stay in the cache.
template <typename A>
struct Transpose {
    template <typename Tile>
    LINVOX_INLINE static void run(const A* from, std::int64_t rows, std::int64_t columns,
                                  std::int64_t from_row, A* to, std::int64_t to_row) {
        constexpr std::int64_t block = 16;
        for (std::int64_t r = 0; r < rows; r += block)
            for (std::int64_t c = 0; c < columns; ++c) {
                const std::int64_t end = r + block < rows ? r + block : rows;
                for (std::int64_t row = r; row < end; ++row) to[c * to_row + row] = from[row * from_row + c];
            }
    }
};

/// A block of score rows. Row i sees its first seen + i columns of `columns`.
template <typename A>
struct ScoreBlock {
    std::int64_t rows = 0, columns = 0, stride = 0, seen = 0;
    A* scores = nullptr;       // [rows, stride]; becomes the weights
    A* log_sum_exp = nullptr;  // of row i at [i * stat_stride]
    std::int64_t stat_stride = 0;
    A* inverse_sum = nullptr;  // [rows], forward: weights are left unnormalised
    A* grad = nullptr;         // [rows, stride], backward: dP, becomes dS
    const A* delta = nullptr;  // [rows], backward: sum of grad_out * out
};

template <typename A>
LINVOX_INLINE void clear_tail(A* row, std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) row[j] = 0;
}

template <typename A>
struct SoftmaxForward {
    template <typename Tile>
    LINVOX_INLINE static void run(const ScoreBlock<A>* block) {
        constexpr std::int64_t lanes = kLanes<A>;
        for (std::int64_t i = 0; i < block->rows; ++i) {
            A* row = block->scores + i * block->stride;
            const std::int64_t seen = block->seen + i, whole = seen / lanes * lanes;
            Vec<A> best = splat(row[0]);
            for (std::int64_t j = 0; j < whole; j += lanes) best = max_of<A>(best, load(row + j));
            A maximum = max_lane<A>(best);
            for (std::int64_t j = whole; j < seen; ++j) maximum = row[j] > maximum ? row[j] : maximum;
            Vec<A> sums{};
            for (std::int64_t j = 0; j < whole; j += lanes) {
                const Vec<A> weight = exp_of(load(row + j) - maximum);
                sums += weight;
                store(row + j, weight);
            }
            A sum = sum_lanes<A>(sums);
            if (whole < seen) {
                store(row + whole, exp_of(load(row + whole, seen - whole) - maximum), seen - whole);
                for (std::int64_t j = whole; j < seen; ++j) sum += row[j];
            }
            clear_tail(row, seen, block->columns);
            block->inverse_sum[i] = A{1} / sum;
            block->log_sum_exp[i * block->stat_stride] = maximum + std::log(sum);
        }
    }
};

template <typename A>
struct SoftmaxBackward {
    template <typename Tile>
    LINVOX_INLINE static void run(const ScoreBlock<A>* block) {
        for (std::int64_t i = 0; i < block->rows; ++i) {
            A* row = block->scores + i * block->stride;
            A* grad = block->grad + i * block->stride;
            const std::int64_t seen = block->seen + i;
            const A log_sum = block->log_sum_exp[i * block->stat_stride];
            for (std::int64_t j = 0; j < seen; j += kLanes<A>) {
                const Vec<A> weight = exp_of(load(row + j, seen - j) - log_sum);
                store(row + j, weight, seen - j);
                store(grad + j, weight * (load(grad + j, seen - j) - block->delta[i]), seen - j);
            }
            clear_tail(row, seen, block->columns);
            clear_tail(grad, seen, block->columns);
        }
    }
};

template <typename A>
struct ScaleRows {  // rows[i] *= factor[i]
    template <typename Tile>
    LINVOX_INLINE static void run(A* rows, std::int64_t count, std::int64_t width, const A* factor) {
        for (std::int64_t i = 0; i < count; ++i)
            for (std::int64_t j = 0; j < width; j += kLanes<A>)
                store(rows + i * width + j, load(rows + i * width + j) * factor[i]);
    }
};

template <typename A>
struct RowDots {  // dot[i] = a[i] . b[i]; columns behind the head are 0
    template <typename Tile>
    LINVOX_INLINE static void run(const A* a, const A* b, std::int64_t count, std::int64_t width, A* dot) {
        for (std::int64_t i = 0; i < count; ++i) {
            Vec<A> sums{};
            for (std::int64_t j = 0; j < width; j += kLanes<A>)
                sums += load(a + i * width + j) * load(b + i * width + j);
            dot[i] = sum_lanes<A>(sums);
        }
    }
};

template <typename A>
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const A* a, std::int64_t a_row,
              std::int64_t a_column, const A* b, std::int64_t b_row, A* c, std::int64_t c_row,
              bool accumulate) {
    const Gemm<A> job{m, n, k, a, a_row, a_column, b, b_row, c, c_row, accumulate};
    if (m > 0 && n > 0) dispatch<GemmKernel<A>>(&job);
}

/// Working memory of one thread, kept from item to item. Everything a product reads starts as zeros.
template <typename A>
class Scratch {
public:
    A* take(std::int64_t count) {
        blocks_.emplace_back();
        blocks_.back().assign(static_cast<std::size_t>(count), A{0});
        return blocks_.back().data();
    }

private:
    std::vector<std::vector<A>> blocks_;
};

/// One group's keys and values of one head, and the products of a block of queries with them.
template <typename T, typename A>
struct HeadView {
    const PackedAttention<T, A>& job;
    const AttentionGroup& group;
    std::int64_t rows, padded, stride;  // of the group; of a head row; of a score row

    HeadView(const PackedAttention<T, A>& job_in, const AttentionGroup& group_in)
        : job(job_in),
          group(group_in),
          rows(group.end - group.begin),
          padded(round_up(job.head_dim, kLanes<A>)),
          stride(round_up(rows, kLanes<A>) + kLanes<A>) {}

    std::int64_t token_width() const { return (job.heads + 2 * job.kv_heads) * job.head_dim; }
    const std::int64_t* position() const { return job.position + group.begin; }

    void read(const T* tensor, std::int64_t tensor_row, std::int64_t column, bool rotate, A scale,
              A* to) const {
        const RowCopy<T, A> copy{rows,       job.head_dim, padded, tensor + group.begin * tensor_row + column,
                                 tensor_row, to,           scale,  rotate ? position() : nullptr,
                                 job.cosine, job.sine};
        dispatch<ReadRows<T, A>>(&copy);
    }
    void write(const A* from, std::int64_t first, std::int64_t count, bool rotate, A scale, T* tensor,
               std::int64_t tensor_row, std::int64_t column) const {
        const RowWrite<T, A> copy{count,
                                  job.head_dim,
                                  padded,
                                  from,
                                  tensor + (group.begin + first) * tensor_row + column,
                                  tensor_row,
                                  scale,
                                  rotate ? position() + first : nullptr,
                                  job.cosine,
                                  job.sine};
        dispatch<WriteRows<T, A>>(&copy);
    }
    A* transposed(const A* from, Scratch<A>& scratch) const {
        A* to = scratch.take(job.head_dim * stride);
        dispatch<Transpose<A>>(from, rows, job.head_dim, padded, to, stride);
        return to;
    }
};

/// A block of query rows of one segment: rows [first, first + count) of the group; they see the prompt's
/// columns, then `own` columns from own_begin on.
struct QueryBlock {
    std::int64_t first, count;
    std::int64_t prompt_begin, prompt;
    std::int64_t own_begin, own;
    std::int64_t seen;  // by the first row
};

template <typename Visit>
void for_each_block(std::span<const Segment> segments, const AttentionGroup& group, const Visit& visit) {
    for (std::size_t s = group.first_segment; s < group.last_segment; ++s) {
        const Segment& segment = segments[s];
        const std::int64_t length = segment.end - segment.begin;
        const std::int64_t prompt = segment.prompt_end - segment.prompt_begin;
        for (std::int64_t i = 0; i < length; i += kBlockRows) {
            const std::int64_t count = length - i < kBlockRows ? length - i : kBlockRows;
            visit(QueryBlock{segment.begin - group.begin + i, count, segment.prompt_begin - group.begin,
                             prompt, segment.begin - group.begin, i + count, prompt + i + 1});
        }
    }
}

/// to[count, prompt + own] = queries times the transposed keys (or values) the block sees.
template <typename A>
void block_scores(const QueryBlock& block, const A* queries, std::int64_t padded, std::int64_t depth,
                  const A* keys_transposed, std::int64_t stride, A* to) {
    const A* a = queries + block.first * padded;
    multiply<A>(block.count, block.prompt, depth, a, padded, 1, keys_transposed + block.prompt_begin, stride,
                to, stride, false);
    multiply<A>(block.count, block.own, depth, a, padded, 1, keys_transposed + block.own_begin, stride,
                to + block.prompt, stride, false);
}

/// to[count, padded] = weights times the rows the block sees.
template <typename A>
void block_mix(const QueryBlock& block, const A* weights, std::int64_t stride, const A* rows,
               std::int64_t padded, A* to) {
    if (block.prompt > 0)
        multiply<A>(block.count, padded, block.prompt, weights, stride, 1, rows + block.prompt_begin * padded,
                    padded, to, padded, false);
    multiply<A>(block.count, padded, block.own, weights + block.prompt, stride, 1,
                rows + block.own_begin * padded, padded, to, padded, block.prompt > 0);
}

/// rows the block sees += weights transposed times the block's rows.
template <typename A>
void block_scatter(const QueryBlock& block, const A* weights, std::int64_t stride, const A* block_rows,
                   std::int64_t padded, A* rows) {
    const A* b = block_rows + block.first * padded;
    multiply<A>(block.prompt, padded, block.count, weights, 1, stride, b, padded,
                rows + block.prompt_begin * padded, padded, true);
    multiply<A>(block.own, padded, block.count, weights + block.prompt, 1, stride, b, padded,
                rows + block.own_begin * padded, padded, true);
}

}  // namespace

std::vector<AttentionGroup> attention_groups(const std::vector<Segment>& segments, std::int64_t tokens) {
    std::vector<AttentionGroup> groups;
    std::int64_t end = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const Segment& segment = segments[i];
        LINVOX_ASSERT(segment.begin == end && segment.end > end,
                      "segment {} covers rows [{}, {}), it must start at {} and not be empty", i,
                      segment.begin, segment.end, end);
        end = segment.end;
        if (segment.prompt_begin == segment.prompt_end) {
            groups.push_back({segment.begin, segment.end, i, i + 1});
            continue;
        }
        LINVOX_ASSERT(!groups.empty() && segment.prompt_begin >= groups.back().begin &&
                          segment.prompt_begin < segment.prompt_end && segment.prompt_end <= segment.begin,
                      "the prompt [{}, {}) of segment {} does not lie earlier in its own record",
                      segment.prompt_begin, segment.prompt_end, i);
        groups.back().end = segment.end;
        groups.back().last_segment = i + 1;
    }
    LINVOX_ASSERT(end == tokens, "the segments cover {} rows of {}", end, tokens);
    return groups;
}

template <typename T, typename A>
void attention_forward(const PackedAttention<T, A>& job, const AttentionGroup& group, std::int64_t kv_head) {
    const HeadView<T, A> view(job, group);
    const std::int64_t width = view.token_width(), out_width = job.heads * job.head_dim;
    const std::int64_t shared = job.heads / job.kv_heads, padded = view.padded, stride = view.stride;
    Scratch<A> scratch;
    A* queries = scratch.take(view.rows * padded);
    A* values = scratch.take(view.rows * padded);
    A* scores = scratch.take(kBlockRows * stride);
    A* mixed = scratch.take(kBlockRows * padded);
    A inverse_sum[kBlockRows];
    view.read(job.qkv, width, (job.heads + kv_head) * job.head_dim, true, 1, queries);
    const A* keys_transposed = view.transposed(queries, scratch);
    view.read(job.qkv, width, (job.heads + job.kv_heads + kv_head) * job.head_dim, false, 1, values);
    const A scale = A{1} / std::sqrt(static_cast<A>(job.head_dim));
    for (std::int64_t head = kv_head * shared; head < (kv_head + 1) * shared; ++head) {
        view.read(job.qkv, width, head * job.head_dim, true, scale, queries);
        for_each_block(job.segments, group, [&](const QueryBlock& block) {
            block_scores(block, queries, padded, job.head_dim, keys_transposed, stride, scores);
            ScoreBlock<A> softmax{block.count, block.prompt + block.own, stride, block.seen, scores};
            softmax.log_sum_exp = job.log_sum_exp + (group.begin + block.first) * job.heads + head;
            softmax.stat_stride = job.heads;
            softmax.inverse_sum = inverse_sum;
            dispatch<SoftmaxForward<A>>(static_cast<const ScoreBlock<A>*>(&softmax));
            block_mix(block, scores, stride, values, padded, mixed);
            dispatch<ScaleRows<A>>(mixed, block.count, padded, static_cast<const A*>(inverse_sum));
            view.write(mixed, block.first, block.count, false, 1, job.out, out_width, head * job.head_dim);
        });
    }
}

template <typename T, typename A>
void attention_backward(const PackedAttention<T, A>& job, const AttentionGroup& group, std::int64_t kv_head) {
    const HeadView<T, A> view(job, group);
    const std::int64_t width = view.token_width(), out_width = job.heads * job.head_dim;
    const std::int64_t shared = job.heads / job.kv_heads, padded = view.padded, stride = view.stride;
    const std::int64_t key_column = (job.heads + kv_head) * job.head_dim;
    const std::int64_t value_column = key_column + job.kv_heads * job.head_dim;
    Scratch<A> scratch;
    A* queries = scratch.take(view.rows * padded);
    A* keys = scratch.take(view.rows * padded);
    A* out = scratch.take(view.rows * padded);
    A* grad_out = scratch.take(view.rows * padded);
    A* grad_keys = scratch.take(view.rows * padded);
    A* grad_values = scratch.take(view.rows * padded);
    A* delta = scratch.take(view.rows);
    A* scores = scratch.take(kBlockRows * stride);
    A* grad_scores = scratch.take(kBlockRows * stride);
    A* grad_queries = scratch.take(kBlockRows * padded);
    view.read(job.qkv, width, value_column, false, 1, keys);
    const A* values_transposed = view.transposed(keys, scratch);
    view.read(job.qkv, width, key_column, true, 1, keys);
    const A* keys_transposed = view.transposed(keys, scratch);
    const A scale = A{1} / std::sqrt(static_cast<A>(job.head_dim));
    for (std::int64_t head = kv_head * shared; head < (kv_head + 1) * shared; ++head) {
        view.read(job.qkv, width, head * job.head_dim, true, scale, queries);
        view.read(job.out, out_width, head * job.head_dim, false, 1, out);
        view.read(job.grad_out, out_width, head * job.head_dim, false, 1, grad_out);
        dispatch<RowDots<A>>(static_cast<const A*>(out), static_cast<const A*>(grad_out), view.rows, padded,
                             delta);
        for_each_block(job.segments, group, [&](const QueryBlock& block) {
            block_scores(block, queries, padded, job.head_dim, keys_transposed, stride, scores);
            block_scores(block, grad_out, padded, job.head_dim, values_transposed, stride, grad_scores);
            ScoreBlock<A> softmax{block.count, block.prompt + block.own, stride, block.seen, scores};
            softmax.log_sum_exp = job.log_sum_exp + (group.begin + block.first) * job.heads + head;
            softmax.stat_stride = job.heads;
            softmax.grad = grad_scores;
            softmax.delta = delta + block.first;
            dispatch<SoftmaxBackward<A>>(static_cast<const ScoreBlock<A>*>(&softmax));
            block_scatter(block, scores, stride, grad_out, padded, grad_values);
            block_scatter(block, grad_scores, stride, queries, padded, grad_keys);
            block_mix(block, grad_scores, stride, keys, padded, grad_queries);
            view.write(grad_queries, block.first, block.count, true, scale, job.grad_qkv, width,
                       head * job.head_dim);
        });
    }
    view.write(grad_keys, 0, view.rows, true, 1, job.grad_qkv, width, key_column);
    view.write(grad_values, 0, view.rows, false, 1, job.grad_qkv, width, value_column);
}

#define LINVOX_INSTANTIATE_ATTENTION(T, A)                                                              \
    template void attention_forward(const PackedAttention<T, A>&, const AttentionGroup&, std::int64_t); \
    template void attention_backward(const PackedAttention<T, A>&, const AttentionGroup&, std::int64_t);
LINVOX_INSTANTIATE_ATTENTION(float, float)
LINVOX_INSTANTIATE_ATTENTION(double, double)
LINVOX_INSTANTIATE_ATTENTION(c10::BFloat16, float)
#undef LINVOX_INSTANTIATE_ATTENTION

}  // namespace linvox

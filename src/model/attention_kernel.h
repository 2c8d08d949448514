// Exact causal attention over packed segments on the CPU, with rotary positions, grouped queries and shared
// prompts; forward and backward, blockwise, no matrix of T x T (arXiv 2205.14135 without its tiling over
// keys: a block's scores fit the cache at the lengths of speech answers).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/model/packed_batch.h"

namespace linvox {

/// Rows [begin, end) whose segments see no row outside: one record. `segments` index the batch's list.
struct AttentionGroup {
    std::int64_t begin = 0, end = 0;
    std::size_t first_segment = 0, last_segment = 0;  // half-open
};

/// Cuts the segments into groups. BugError when they do not tile [0, tokens) in order, or when a prompt range
/// does not lie earlier in the same record.
std::vector<AttentionGroup> attention_groups(const std::vector<Segment>& segments, std::int64_t tokens);

/// T is float, double or c10::BFloat16; A is what T is computed in.
/// qkv rows: heads * head_dim queries, then kv_heads * head_dim keys, then as many values, before rotation.
template <typename T, typename A>
struct PackedAttention {
    std::int64_t heads = 0, kv_heads = 0, head_dim = 0;
    std::span<const Segment> segments;
    const T* qkv = nullptr;                  // [T, (heads + 2 kv_heads) head_dim]
    const std::int64_t* position = nullptr;  // [T]
    const A* cosine = nullptr;               // [positions, head_dim / 2]
    const A* sine = nullptr;
    T* out = nullptr;             // [T, heads * head_dim]; read by backward
    A* log_sum_exp = nullptr;     // [T, heads]; read by backward
    const T* grad_out = nullptr;  // backward only
    T* grad_qkv = nullptr;
};

/// One group and one key head: the unit of parallel work.
template <typename T, typename A>
void attention_forward(const PackedAttention<T, A>& job, const AttentionGroup& group, std::int64_t kv_head);
template <typename T, typename A>
void attention_backward(const PackedAttention<T, A>& job, const AttentionGroup& group, std::int64_t kv_head);

}  // namespace linvox

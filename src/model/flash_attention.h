// packed_attention of layer_ops.h on a CUDA GPU in bfloat16: LibTorch's flash attention over queries
// and keys of unequal lengths. The keys of a branch are those of its prompt and its own; they are gathered
// once a layer while they are turned, so that a prompt's rows are computed once and only its keys are copied.
// T tokens, S segments, K gathered key rows: each segment's prompt and own rows, one segment after the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "src/model/packed_batch.h"

namespace linvox {

struct AttentionPlan;

/// Where flash attention finds its rows; on the device.
struct KeyGathering {
    at::Tensor query_begin_S1, key_begin_S1;  // int32 [S + 1]: where segments begin
    at::Tensor row_K;                         // int64: the token whose key and value it is
    at::Tensor copy_begin_T1, copy_K;         // int64: the gathered rows of each token, ascending
    std::int64_t longest_query = 0, longest_key = 0;
};
std::shared_ptr<const KeyGathering> gather_keys(const std::vector<Segment>& segments, std::int64_t tokens,
                                                at::Device device);

/// Whether flash attention takes it: device, dtype and head_dim.
bool has_flash_attention(at::Device device, at::ScalarType product, std::int64_t head_dim);

/// As packed_attention, for a plan with `gathering`.
at::Tensor flash_attention(const at::Tensor& qkv_TW, const std::shared_ptr<const AttentionPlan>& plan);

}  // namespace linvox

#include "src/model/grow.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "src/base/error.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

at::Tensor normal_rows(std::int64_t rows, std::int64_t columns, Rng rng) {
    at::Tensor values = at::empty({rows, columns}, at::kFloat);
    float* value = values.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < values.numel(); ++i) value[i] = static_cast<float>(rng.normal());
    return values;
}

/// Float32 rows for tokens [first_id, first_id + rows), from the rows before them.
at::Tensor fresh_rows(const at::Tensor& table_VD, std::int64_t rows, const GrowConfig& config,
                      std::string_view name) {
    const std::int64_t width = table_VD.size(1);
    if (config.init == "zeros") return at::zeros({rows, width}, at::kFloat);
    const at::Tensor noise = normal_rows(rows, width, Rng(mix_seed(config.seed, "grow", name)));
    if (config.init == "normal") return noise * 0.02;
    const at::Tensor old = table_VD.slice(0, 0, config.first_id).to(at::kFloat);
    return old.mean(0, /*keepdim=*/true) +
           noise * (old.std(0, /*unbiased=*/false, /*keepdim=*/true) * config.noise);
}

at::Tensor grown(const at::Tensor& table_VD, std::int64_t vocab_size, const GrowConfig& config,
                 std::string_view name) {
    const at::Tensor kept = table_VD.slice(0, 0, config.first_id);
    const at::Tensor fresh = fresh_rows(table_VD, config.count, config, name).to(table_VD.scalar_type());
    const std::int64_t after = config.first_id + config.count;
    std::vector<at::Tensor> parts{kept, fresh};
    if (after < table_VD.size(0)) parts.push_back(table_VD.slice(0, after));
    const std::int64_t have = std::max(after, table_VD.size(0));
    if (have < vocab_size)  // rounding: rows without a token, unlikely under a zero row as under any other
        parts.push_back(at::zeros({vocab_size - have, table_VD.size(1)}, table_VD.options()));
    return at::cat(parts);
}

}  // namespace

Decoder grow_vocabulary(const Decoder& decoder, const GrowConfig& config) {
    const at::NoGradGuard no_grad;
    const std::int64_t before = decoder.config.vocab_size;
    LINVOX_REQUIRE(config.init == "mean" || config.init == "normal" || config.init == "zeros", UserError,
                   "grow: init '{}' is not one of mean, normal, zeros", config.init);
    LINVOX_REQUIRE(config.count > 0 && config.first_id > 0 && config.first_id <= before, UserError,
                   "grow: {} tokens from id {} on do not continue a vocabulary of {} rows", config.count,
                   config.first_id, before);
    LINVOX_REQUIRE(config.multiple > 0 && config.noise >= 0.0, UserError,
                   "grow: multiple must be positive and noise not negative, they are {} and {}",
                   config.multiple, config.noise);
    const std::int64_t needed = std::max(before, config.first_id + config.count);
    Decoder grown_decoder = decoder;
    const std::int64_t size =
        needed == before ? before : (needed + config.multiple - 1) / config.multiple * config.multiple;
    grown_decoder.config.vocab_size = size;
    grown_decoder.embedding_VD = grown(decoder.embedding_VD, size, config, "embedding");
    if (decoder.head_VD.defined()) grown_decoder.head_VD = grown(decoder.head_VD, size, config, "head");
    return grown_decoder;
}

}  // namespace linvox

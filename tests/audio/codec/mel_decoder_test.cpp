#include "audio/codec/mel_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "audio/codec/mel_codec_state.h"
#include "tests/audio/codec/small_codec.h"

namespace linvox {
namespace {

at::Tensor codes(const std::vector<std::int64_t>& values) {
    return at::from_blob(const_cast<std::int64_t*>(values.data()),
                         {1, static_cast<std::int64_t>(values.size())}, at::kLong)
        .clone();
}

TEST(MelDecoder, RowsHaveTwoFramesACode) {
    const MelDecoder d = make_mel_decoder(centroid_tensor(small_tokenizer()), 8, "istft", 1);
    const at::Tensor input = codes({3, 1, 4, 1, 5});
    const at::Tensor rows = decoder_rows(d, input, true), magnitudes = decoder_rows(d, input, false);
    EXPECT_EQ(rows.sizes(), (at::IntArrayRef{1, 10, 1539}));
    EXPECT_EQ(magnitudes.sizes(), (at::IntArrayRef{1, 10, 513}));
    EXPECT_LT((rows.narrow(2, 0, 513) - magnitudes).abs().max().item<float>(), 1e-5f);
}

TEST(MelDecoder, TheLinearPartAddsToTheMagnitudesOnly) {
    MelDecoder d = make_mel_decoder(centroid_tensor(small_tokenizer()), 8, "istft", 1);
    const at::Tensor input = codes({3, 1, 4, 1, 5});
    const at::Tensor before = decoder_rows(d, input, true);
    // Frame 1 of a code, bin 7, reads dimension 2 of the code after it.
    d.linear_weight = at::zeros_like(d.linear_weight);
    d.linear_weight.select(0, 513 + 7).select(0, 2).select(0, 5).fill_(1.0);
    d.linear_bias = at::zeros_like(d.linear_bias);
    d.linear_bias.select(0, 8).fill_(0.25);
    const at::Tensor change = decoder_rows(d, input, true) - before;
    for (std::int64_t t = 0; t < 5; ++t) {
        const float next =
            t < 4 ? d.centroids_KD[input[0][t + 1].item<std::int64_t>()][2].item<float>() : 0.0f;
        EXPECT_NEAR(change[0][2 * t + 1][7].item<float>(), next, 1e-5f) << t;
        EXPECT_NEAR(change[0][2 * t][8].item<float>(), 0.25f, 1e-5f) << t;
    }
    EXPECT_LT(change.narrow(2, 513, 1026).abs().max().item<float>(), 1e-6f);
}

TEST(MelDecoder, TheReceptiveFieldIsBounded) {
    const MelDecoder d = make_mel_decoder(centroid_tensor(small_tokenizer()), 8, "istft", 1);
    std::vector<std::int64_t> a(60, 2), b(60, 2);
    b[30] = 3;
    const at::Tensor change =
        (decoder_rows(d, codes(a), true) - decoder_rows(d, codes(b), true)).abs().amax(-1)[0];
    const float* value = change.const_data_ptr<float>();
    // in 2 + blocks 1 + 2 + 4, up 1, then two frames on the finer grid: 11 codes on each side.
    for (int t = 0; t < 120; ++t) EXPECT_EQ(value[t] > 0 && std::abs(t / 2 - 30) > 11, false) << t;
    EXPECT_GT(value[60], 0.0f);
}

TEST(MelDecoder, NamesAreUniqueAndSeedsCount) {
    MelDecoder a = make_mel_decoder(centroid_tensor(small_tokenizer()), 8, "istft", 1);
    std::set<std::string> names;
    std::size_t count = 0;
    a.visit(WeightVisitor([&](const std::string& name, at::Tensor&) { names.insert(name), ++count; }));
    EXPECT_EQ(names.size(), count);
    EXPECT_EQ(count, 4u + 6 + 5 * 4);
    const std::string digest = decoder_digest(a);
    EXPECT_EQ(digest, decoder_digest(make_mel_decoder(centroid_tensor(small_tokenizer()), 8, "istft", 1)));
    EXPECT_NE(digest, decoder_digest(make_mel_decoder(centroid_tensor(small_tokenizer()), 8, "istft", 2)));
    a.magnitude_std.fill_(2.0);
    EXPECT_NE(digest, decoder_digest(a));
}

}  // namespace
}  // namespace linvox

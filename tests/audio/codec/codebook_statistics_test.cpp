#include "audio/codec/codebook_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/base/error.h"

namespace linvox {
namespace {

TEST(CodebookStatistics, CountsByHand) {
    // Counts 4 2 1 1 0 of 8: H = 1.75 bits; Miller-Madow adds 3 / (16 ln 2).
    const std::vector<std::vector<std::int32_t>> sequences = {{0, 0, 1, 0}, {1, 2, 0, 3}};
    const CodebookStatistics s = codebook_statistics(sequences, 5, 50.0);
    EXPECT_EQ(s.tokens, 8);
    EXPECT_EQ(s.used, 4);
    EXPECT_DOUBLE_EQ(s.usage, 0.8);
    EXPECT_DOUBLE_EQ(s.tokens_per_code, 1.6);
    EXPECT_NEAR(s.entropy, 1.75, 1e-12);
    EXPECT_NEAR(s.entropy_miller_madow, 1.75 + 3.0 / (16.0 * std::log(2.0)), 1e-12);
    EXPECT_NEAR(s.perplexity, std::exp2(1.75 + 3.0 / (16.0 * std::log(2.0))), 1e-12);
    EXPECT_NEAR(s.nominal_bitrate, 50.0 * std::log2(5.0), 1e-9);
    EXPECT_NEAR(s.entropy_bitrate, 50.0 * s.entropy_miller_madow, 1e-9);
    // Pairs inside sequences: 00 01 10 | 12 20 03; one of six repeats. H(pairs) = log2 6; firsts are
    // 0: 3, 1: 2, 2: 1, so H = 1/2 + log2(3)/3 + log2(6)/6.
    EXPECT_NEAR(s.run_length_ratio, 1.0 / 6.0, 1e-12);
    EXPECT_NEAR(s.bigram_entropy, std::log2(6.0) - (0.5 + std::log2(3.0) / 3.0 + std::log2(6.0) / 6.0),
                1e-12);
    EXPECT_FALSE(s.enough_tokens);
}

TEST(CodebookStatistics, TenTokensACodeAreEnough) {
    std::vector<std::int32_t> codes;
    for (int i = 0; i < 40; ++i) codes.push_back(i % 4);
    const std::vector<std::vector<std::int32_t>> exactly = {codes};
    EXPECT_TRUE(codebook_statistics(exactly, 4, 50.0).enough_tokens);
    codes.pop_back();
    const std::vector<std::vector<std::int32_t>> fewer = {codes};
    EXPECT_FALSE(codebook_statistics(fewer, 4, 50.0).enough_tokens);
}

TEST(CodebookStatistics, PerplexityNeverExceedsTheBook) {
    const std::int64_t counts[] = {1, 1, 1, 1};
    EXPECT_DOUBLE_EQ(perplexity_miller_madow(counts), 4.0);
    const std::int64_t single[] = {7, 0};
    EXPECT_DOUBLE_EQ(perplexity_miller_madow(single), 1.0);
}

TEST(CodebookStatistics, NoTokensGiveZeros) {
    const CodebookStatistics s = codebook_statistics({}, 16, 50.0);
    EXPECT_EQ(s.tokens, 0);
    EXPECT_EQ(s.perplexity, 0.0);
    EXPECT_DOUBLE_EQ(s.nominal_bitrate, 200.0);
}

TEST(CodebookStatistics, CodeOutsideTheBookIsNamed) {
    const std::vector<std::vector<std::int32_t>> sequences = {{0, 1}, {1, 4}};
    try {
        codebook_statistics(sequences, 4, 50.0);
        FAIL();
    } catch (const DataError& e) {
        EXPECT_STREQ(e.what(), "sequence 1 position 1: code 4 is outside a book of 4");
    }
}

}  // namespace
}  // namespace linvox

// The generator against its published reference, and the draws against their distributions.
#include "src/base/rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace linvox {
namespace {

// randomgen 2.5.1, which wraps the authors' C code: g = randomgen.Xoshiro256(1); state s = [1, 2, 3, 4];
// g.random_raw(10).
TEST(Rng, IsXoshiro256StarStar) {
    const std::uint64_t words[4] = {1, 2, 3, 4};
    Rng rng(0);
    rng.set_state(words);
    std::vector<std::uint64_t> drawn(10);
    for (auto& value : drawn) value = rng.next();
    EXPECT_THAT(drawn, testing::ElementsAre(0x2d00, 0x0, 0x5a007080, 0x10e0000000009d80, 0x10e0b61ce1009d80,
                                            0x870021ce143ad00, 0xe071c3c2e143f089, 0x75a1690ef7a20380,
                                            0x9309685b465c23f9, 0x284f3cc2e13e3c88));
}

// The five numbers that the Rosetta Code task "Splitmix64" lists for the seed 1234567.
TEST(Rng, IsSeededBySplitmix64) {
    std::uint64_t state = 1234567;
    std::vector<std::uint64_t> drawn(5);
    for (auto& value : drawn) value = splitmix64(state);
    EXPECT_THAT(drawn,
                testing::ElementsAre(6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
                                     4593380528125082431ULL, 16408922859458223821ULL));
    const Rng rng(1234567);
    EXPECT_TRUE(std::equal(drawn.begin(), drawn.begin() + 4, rng.state()));
}

TEST(Rng, StateGoesOnWhereItStopped) {
    Rng first(7), second(99);
    first.next();
    second.set_state(first.state());
    EXPECT_EQ(first.next(), second.next());
    EXPECT_EQ(first.normal(), second.normal());
}

TEST(Rng, UniformHasTheMomentsOfTheUnitInterval) {
    Rng rng(1);
    double sum = 0, squares = 0, low = 1, high = 0;
    constexpr int kDraws = 100000;
    for (int i = 0; i < kDraws; ++i) {
        const double u = rng.uniform();
        sum += u, squares += u * u, low = std::min(low, u), high = std::max(high, u);
    }
    EXPECT_GE(low, 0.0);
    EXPECT_LT(high, 1.0);
    EXPECT_NEAR(sum / kDraws, 0.5, 0.004);  // 4 standard errors: 4 / sqrt(12 n)
    EXPECT_NEAR(squares / kDraws, 1.0 / 3, 0.004);
}

TEST(Rng, NormalHasMeanZeroVarianceOneAndNoExcess) {
    Rng rng(2);
    double sum = 0, squares = 0, fourth = 0;
    constexpr int kDraws = 100000;
    for (int i = 0; i < kDraws; ++i) {
        const double z = rng.normal();
        ASSERT_TRUE(std::isfinite(z));
        sum += z, squares += z * z, fourth += z * z * z * z;
    }
    EXPECT_NEAR(sum / kDraws, 0.0, 0.013);
    EXPECT_NEAR(squares / kDraws, 1.0, 0.018);
    EXPECT_NEAR(fourth / kDraws, 3.0, 0.13);
}

TEST(Rng, BelowIsEvenAndStaysBelow) {
    Rng rng(3);
    std::vector<int> counts(7);
    for (int i = 0; i < 70000; ++i) ++counts.at(rng.below(7));
    for (const int count : counts) EXPECT_NEAR(count, 10000, 400);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0u);
}

TEST(Rng, ShufflePermutesEvenly) {
    Rng rng(4);
    std::vector<int> first_at(4);
    for (int i = 0; i < 40000; ++i) {
        std::vector<int> values = {0, 1, 2, 3};
        rng.shuffle(values);
        ASSERT_THAT(values, testing::UnorderedElementsAre(0, 1, 2, 3));
        ++first_at[static_cast<std::size_t>(std::find(values.begin(), values.end(), 0) - values.begin())];
    }
    for (const int count : first_at) EXPECT_NEAR(count, 10000, 350);
    std::vector<int> none;
    rng.shuffle(none);
    EXPECT_TRUE(none.empty());
}

TEST(Rng, MixedSeedsDifferByEveryPartAndItsOrder) {
    std::set<std::uint64_t> seeds = {
        mix_seed(1, "candidates", "a", 0), mix_seed(2, "candidates", "a", 0),
        mix_seed(1, "sft", "a", 0),        mix_seed(1, "candidates", "b", 0),
        mix_seed(1, "candidates", "a", 1), mix_seed(1, "a", "candidates", 0),
        mix_seed(1, "candidatesa", 0),     mix_seed(1, "candidates", 0, "a"),
    };
    EXPECT_EQ(seeds.size(), 8u);
    EXPECT_EQ(mix_seed(1, std::string("candidates"), 3), mix_seed(1, "candidates", 3u));
}

}  // namespace
}  // namespace linvox

#include "eval/intelligibility.h"

#include <gtest/gtest.h>

#include "src/base/error.h"
#include "tests/eval/voices.h"

namespace linvox {
namespace {

// pystoi 0.4.1, stoi(x, y, rate) and stoi(x, y, rate, extended=True): python tests/eval/oracle.py
TEST(Stoi, AgreesWithPystoi) {
    const std::vector<float> x = first_voice(), y = noisy_first_voice();
    const Outcome<Intelligibility> at_16 = stoi(x, y, 16000), at_10 = stoi(x, y, 10000);
    ASSERT_TRUE(at_16 && at_10);
    EXPECT_NEAR(at_16->stoi, 0.992517927331, 1e-6);
    EXPECT_NEAR(at_10->stoi, 0.942443166057, 1e-6);
    EXPECT_NEAR(at_16->estoi, 0.968658698103, 1e-6);
    EXPECT_NEAR(at_10->estoi, 0.835310069885, 1e-6);
}

TEST(Stoi, IsOneForACopyAndLowForNoise) {
    const std::vector<float> x = first_voice();
    EXPECT_NEAR(stoi(x, x, 16000)->stoi, 1, 1e-9);
    EXPECT_NEAR(stoi(x, x, 16000)->estoi, 1, 1e-9);
    std::uint32_t state = 9;
    std::vector<float> noise;
    for (std::size_t i = 0; i < x.size(); ++i) noise.push_back(static_cast<float>(next_noise(state)));
    EXPECT_LT(stoi(x, noise, 16000)->stoi, 0.5);
    EXPECT_LT(stoi(x, noise, 16000)->estoi, 0.3);
    EXPECT_NEAR(stoi(x, std::vector<float>(x.size()), 16000)->stoi, 0, 1e-9);
}

TEST(Stoi, SaysWhyNot) {
    std::vector<float> x = first_voice();
    EXPECT_EQ(stoi(std::vector<float>(16000), std::vector<float>(16000), 16000).reason, kSilent);
    // Less than 30 frames of sound (0.4 s): other programs return 1e-5 here.
    std::fill(x.begin() + 3200, x.end(), 0.0F);
    EXPECT_EQ(stoi(x, x, 16000).reason, kTooShort);
    EXPECT_EQ(stoi(std::span(x).first(100), std::span(x).first(100), 16000).reason, kTooShort);
    EXPECT_EQ(stoi({}, {}, 16000).reason, kTooShort);
    EXPECT_THROW(stoi(x, std::span(x).first(100), 16000), BugError);
}

}  // namespace
}  // namespace linvox

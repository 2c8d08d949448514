#include "audio/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <thread>
#include <vector>

namespace linvox {
namespace {

TEST(RealFft, AgreesWithTheDefinition) {
    for (std::size_t size : {1, 2, 7, 12, 64}) {
        RealFft fft(size);
        for (std::size_t i = 0; i < size; ++i)
            fft.time()[i] = std::sin(1.7 * static_cast<double>(i * i) + 0.3);
        const std::vector<double> x(fft.time().begin(), fft.time().end());
        fft.forward();
        for (std::size_t k = 0; k < fft.bins(); ++k) {
            std::complex<double> sum = 0;
            for (std::size_t i = 0; i < size; ++i)
                sum += std::polar(
                    x[i], -2 * std::numbers::pi * static_cast<double>(i * k) / static_cast<double>(size));
            EXPECT_LT(std::abs(fft.spectrum()[k] - sum), 1e-12 * static_cast<double>(size))
                << size << " bin " << k;
        }
        fft.inverse();
        for (std::size_t i = 0; i < size; ++i) EXPECT_NEAR(fft.time()[i], x[i], 1e-14);
    }
}

TEST(RealFft, SharesPlansBetweenThreads) {
    std::vector<double> result(8);
    std::vector<std::thread> threads;
    for (std::size_t n = 0; n < result.size(); ++n)
        threads.emplace_back([n, &result] {
            for (int repeat = 0; repeat < 50; ++repeat) {
                RealFft fft(96 + 2 * n);
                for (double& x : fft.time()) x = static_cast<double>(n);
                fft.forward();
                result[n] = fft.spectrum()[0].real();
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t n = 0; n < result.size(); ++n)
        EXPECT_DOUBLE_EQ(result[n], static_cast<double>(n * (96 + 2 * n)));
}

TEST(FftSizes, AreTheNextGoodOnes) {
    EXPECT_EQ(next_power_of_two(1), 1U);
    EXPECT_EQ(next_power_of_two(400), 512U);
    EXPECT_EQ(next_power_of_two(512), 512U);
    EXPECT_EQ(fast_fft_size(1197), 1200U);  // 2^4 3 5^2
    EXPECT_EQ(fast_fft_size(1201), 1250U);  // 2 5^4
    EXPECT_EQ(fast_fft_size(7), 8U);
}

}  // namespace
}  // namespace linvox

// Random numbers that repeat everywhere: xoshiro256** seeded by splitmix64 (Blackman and Vigna,
// public domain). std:: distributions differ between libraries, so they are not used.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace linvox {

inline std::uint64_t splitmix64(std::uint64_t& state) {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/// A seed for one purpose out of a run's seed: mix_seed(seed, "candidates", prompt_id, 3).
inline std::uint64_t mix_seed(std::uint64_t seed) { return seed; }
template <typename First, typename... Rest>
std::uint64_t mix_seed(std::uint64_t seed, const First& first, const Rest&... rest) {
    if constexpr (std::is_convertible_v<First, std::string_view>) {
        for (unsigned char c : std::string_view(first)) seed = (seed ^ c) * 0x100000001b3ULL;
    } else {
        seed ^= static_cast<std::uint64_t>(first) + 0x9e3779b97f4a7c15ULL;
    }
    std::uint64_t state = seed;
    return mix_seed(splitmix64(state), rest...);
}

class Rng {
public:
    explicit Rng(std::uint64_t seed) {
        for (auto& word : state_) word = splitmix64(seed);
    }
    std::uint64_t next() {
        const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = std::rotl(state_[3], 45);
        return result;
    }
    /// Uniform in [0, 1), 53 bits.
    double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
    /// Uniform in [0, n); n > 0. The bias of the multiply is below 2^-32 for n < 2^32.
    std::uint64_t below(std::uint64_t n) {
        __extension__ using Product = unsigned __int128;  // keeps -Wpedantic quiet
        return static_cast<std::uint64_t>((Product{next()} * n) >> 64);
    }
    /// Standard normal (Box-Muller, one of the two values).
    double normal() {
        const double u = 1.0 - uniform();
        return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * 3.14159265358979323846 * uniform());
    }
    template <typename T>
    void shuffle(std::vector<T>& values) {
        for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
    }
    const std::uint64_t* state() const { return state_; }  // four words, for checkpoints
    void set_state(const std::uint64_t* words) {
        for (int i = 0; i < 4; ++i) state_[i] = words[i];
    }

private:
    std::uint64_t state_[4];
};

}  // namespace linvox

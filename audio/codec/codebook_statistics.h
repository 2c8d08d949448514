// How well a codebook is used, from code counts alone. Pure functions; nothing here knows audio.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace linvox {

/// Usage of one book. Entropies are in bits.
struct CodebookStatistics {
    int size = 0;                     // K
    std::int64_t tokens = 0;          // N
    int used = 0;                     // codes seen at least once
    double usage = 0;                 // used / K
    double entropy = 0;               // of the counts as they are (biased low by about (used - 1) / 2N nats)
    double entropy_miller_madow = 0;  // the same plus (used - 1) / (2 N ln 2); at most log2 K
    double perplexity = 0;            // 2 ^ entropy_miller_madow
    /// N >= 10 K. Below that usage and perplexity say more about N than about the book
    /// (a uniform book at N = K shows 63 % usage) and must not be stated.
    bool enough_tokens = false;
    double tokens_per_code = 0;  // N / K

    // What a model of the codes has to deal with.
    double bigram_entropy = 0;    // H(next | code), counts as they are, pairs inside one sequence only
    double run_length_ratio = 0;  // share of codes equal to the one before, inside one sequence

    double nominal_bitrate = 0;  // codes/s x log2 K
    double entropy_bitrate = 0;  // codes/s x entropy_miller_madow
};

/// Statistics over whole sequences of one book; DataError on a code outside [0, size).
/// No tokens at all gives zeros.
CodebookStatistics codebook_statistics(std::span<const std::vector<std::int32_t>> sequences, int size,
                                       double codes_per_second);

/// Perplexity with the Miller-Madow correction (Miller 1955: H + (m - 1) / 2N nats), never above K.
double perplexity_miller_madow(std::span<const std::int64_t> counts);

}  // namespace linvox

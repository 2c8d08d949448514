// Faults of generated token sequences that need no waveform: repeats, loops, stalls, silence.
// Frames are compared whole; one value per frame for single-stream codecs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>

namespace linvox {

/// Longest run of one value, in tokens. 0 for an empty sequence.
std::int64_t longest_run(std::span<const std::int32_t> tokens);

struct TokenLoop {
    std::int64_t period = 0;   // 0: nothing repeats
    std::int64_t copies = 1;   // 1 + floor(stretch / period), the most over all periods
    std::int64_t stretch = 0;  // longest run of positions with t[i] = t[i - period]
    std::int64_t begin = 0;    // where the first copy starts
    bool flagged = false;      // period >= 16 and copies >= 4, or period < 16 and stretch >= 2 s
};
/// Periods from 1 to `longest_period`. `best` is the period with most copies; the smaller one on a tie.
/// Multiples of a shorter period that repeats over as many tokens do not count. `flagged` looks at all
/// periods.
TokenLoop token_loop(std::span<const std::int32_t> tokens, double frame_rate,
                     std::int64_t longest_period = 1024);

/// Distinct n-grams / n-grams; nothing when there are fewer than n tokens.
std::optional<double> distinct_ngrams(std::span<const std::int32_t> tokens, int n);

/// Share of tokens that occur among the `window` tokens before them; nothing when empty.
std::optional<double> repeated_share(std::span<const std::int32_t> tokens, int window);

/// (tokens / text units) / expected; nothing when a divisor is 0.
std::optional<double> token_rate(std::int64_t tokens, std::int64_t text_units, double expected_per_unit);

/// Levenshtein distance / the longer length; 0 for two empty sequences.
double token_edit(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

struct TokenSilence {
    double share = 0;                              // of all tokens
    std::int64_t longest = 0, head = 0, tail = 0;  // in tokens
};
std::optional<TokenSilence> token_silence(std::span<const std::int32_t> tokens,
                                          const std::unordered_set<std::int32_t>& silence_ids);

}  // namespace linvox

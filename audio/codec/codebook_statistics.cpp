#include "audio/codec/codebook_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "src/base/error.h"

namespace linvox {
namespace {

constexpr std::int64_t kTokensPerCodeNeeded = 10;

/// Sum of -n/N log2(n/N).
double entropy_bits(std::span<const std::int64_t> counts, std::int64_t total) {
    double entropy = 0;
    for (const std::int64_t n : counts) {
        if (n > 0)
            entropy -=
                static_cast<double>(n) * std::log2(static_cast<double>(n) / static_cast<double>(total));
    }
    return total > 0 ? entropy / static_cast<double>(total) : 0.0;
}

double miller_madow_bits(std::span<const std::int64_t> counts) {
    std::int64_t total = 0, used = 0;
    for (const std::int64_t n : counts) {
        total += n;
        used += n > 0;
    }
    if (total == 0) return 0.0;
    const double corrected =
        entropy_bits(counts, total) +
        static_cast<double>(used - 1) / (2.0 * static_cast<double>(total) * std::log(2.0));
    return std::min(corrected, std::log2(static_cast<double>(counts.size())));
}

/// H(next | code) and the share of repeated codes, over pairs inside one sequence.
void add_sequence_statistics(std::span<const std::vector<std::int32_t>> sequences, int size,
                             CodebookStatistics& statistics) {
    std::unordered_map<std::int64_t, std::int64_t> pairs;
    std::vector<std::int64_t> firsts(static_cast<std::size_t>(size), 0);
    std::int64_t total = 0, repeated = 0;
    for (const auto& sequence : sequences) {
        for (std::size_t i = 1; i < sequence.size(); ++i) {
            ++pairs[static_cast<std::int64_t>(sequence[i - 1]) * size + sequence[i]];
            ++firsts[static_cast<std::size_t>(sequence[i - 1])];
            ++total;
            repeated += sequence[i] == sequence[i - 1];
        }
    }
    if (total == 0) return;
    std::vector<std::int64_t> pair_counts;
    for (const auto& [key, count] : pairs) pair_counts.push_back(count);
    std::sort(pair_counts.begin(), pair_counts.end());  // the map's order is not fixed, the sum's order is
    statistics.bigram_entropy = std::max(0.0, entropy_bits(pair_counts, total) - entropy_bits(firsts, total));
    statistics.run_length_ratio = static_cast<double>(repeated) / static_cast<double>(total);
}

}  // namespace

double perplexity_miller_madow(std::span<const std::int64_t> counts) {
    return std::exp2(miller_madow_bits(counts));
}

CodebookStatistics codebook_statistics(std::span<const std::vector<std::int32_t>> sequences, int size,
                                       double codes_per_second) {
    LINVOX_ASSERT(size > 0, "codebook size {}", size);
    CodebookStatistics statistics{.size = size};
    std::vector<std::int64_t> counts(static_cast<std::size_t>(size), 0);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
        for (std::size_t i = 0; i < sequences[s].size(); ++i) {
            const std::int32_t code = sequences[s][i];
            LINVOX_REQUIRE(code >= 0 && code < size, DataError,
                           "sequence {} position {}: code {} is outside a book of {}", s, i, code, size);
            ++counts[static_cast<std::size_t>(code)];
            ++statistics.tokens;
        }
    }
    statistics.used =
        static_cast<int>(std::count_if(counts.begin(), counts.end(), [](auto n) { return n > 0; }));
    statistics.usage = static_cast<double>(statistics.used) / size;
    statistics.tokens_per_code = static_cast<double>(statistics.tokens) / size;
    statistics.enough_tokens = statistics.tokens >= kTokensPerCodeNeeded * size;
    statistics.nominal_bitrate = codes_per_second * std::log2(static_cast<double>(size));
    if (statistics.tokens == 0) return statistics;
    statistics.entropy = entropy_bits(counts, statistics.tokens);
    statistics.entropy_miller_madow = miller_madow_bits(counts);
    statistics.perplexity = std::exp2(statistics.entropy_miller_madow);
    statistics.entropy_bitrate = codes_per_second * statistics.entropy_miller_madow;
    add_sequence_statistics(sequences, size, statistics);
    return statistics;
}

}  // namespace linvox

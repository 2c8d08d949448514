// Byte-pair encoding of one word over bytes (Sennrich et al. 2016, arXiv 1508.07909; bytes as symbols:
// Radford et al. 2019): merges by rank, the lowest first, leftmost first among equals.
// Does not cut text into words and knows no special tokens.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "src/text/token_ids.h"

namespace linvox {

/// Tokens `left` and `right` side by side become `merged`.
struct BpeMerge {
    std::int32_t left = 0, right = 0, merged = 0;
};

/// From a pair of ids to its rank and result. Open addressing: a lookup is one cache line mostly.
class MergeTable {
public:
    static constexpr std::uint32_t kNoRank = 0xFFFFFFFF;
    struct Entry {
        std::uint64_t pair = ~std::uint64_t{0};
        std::uint32_t rank = kNoRank;
        std::int32_t merged = -1;
    };

    /// Ranks are the positions in `merges`; of a pair that comes twice the last one counts.
    explicit MergeTable(const std::vector<BpeMerge>& merges);
    /// Entry::rank is kNoRank for a pair that does not merge.
    const Entry& find(std::int32_t left, std::int32_t right) const {
        const std::uint64_t pair = key(left, right);
        for (std::uint64_t slot = hash(pair);; ++slot) {
            const Entry& entry = entries_[slot & mask_];
            if (entry.pair == pair || entry.rank == kNoRank) return entry;
        }
    }

private:
    static std::uint64_t key(std::int32_t left, std::int32_t right) {
        return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
               static_cast<std::uint32_t>(right);
    }
    static std::uint64_t hash(std::uint64_t pair) {
        pair *= 0x9e3779b97f4a7c15ULL;
        return pair ^ pair >> 32;
    }
    std::vector<Entry> entries_;
    std::uint64_t mask_ = 0;
};

/// Short words with their ids, a fixed number of them: a word takes the place of the one with the same
/// hash. One per thread.
class WordCache {
public:
    static constexpr std::size_t kLongestWord = 32, kMostIds = 7;
    WordCache();

private:
    friend class ByteBpe;
    using Key = std::array<std::uint64_t, kLongestWord / 8>;  // the word's bytes, then zeros
    struct alignas(64) Entry {                                // one cache line
        Key word{};
        std::uint8_t length = 0, count = 0;
        std::array<std::int32_t, kMostIds> ids{};
    };
    Entry& entry(const Key& word, std::size_t length);
    std::vector<Entry> entries_;
};

class ByteBpe {
public:
    struct Config {
        std::array<std::int32_t, 256> byte_ids{};  // the token of each single byte
        std::vector<BpeMerge> merges;              // in order of rank
        /// Words that are tokens whatever the merges give (tokenizer.json: ignore_merges); else empty.
        TokenIds whole_words;
    };
    explicit ByteBpe(Config config);

    /// Appends the ids of a word's bytes to `ids`.
    void encode(std::string_view word, WordCache& cache, std::vector<std::int32_t>& ids) const;

private:
    void merge(std::string_view word, std::vector<std::int32_t>& ids) const;
    void merge_short(std::string_view word, std::vector<std::int32_t>& ids) const;
    void merge_long(std::string_view word, std::vector<std::int32_t>& ids) const;

    std::array<std::int32_t, 256> byte_ids_;
    MergeTable table_;
    TokenIds whole_words_;
};

}  // namespace linvox

#include "src/text/byte_bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <queue>
#include <utility>

namespace linvox {
namespace {

// Up to here a scan for the lowest rank beats a queue.
constexpr std::size_t kScanLimit = 48;
constexpr std::size_t kCacheEntries = std::size_t{1} << 14;

/// One token of a long word, in a doubly linked list; -1 ends it. Merged-away symbols have id -1.
struct Symbol {
    std::int32_t id, previous, next;
};

struct Candidate {
    std::uint32_t rank;
    std::int32_t at, merged;
    // The queue gives the largest first: lowest rank, then leftmost.
    bool operator<(const Candidate& other) const {
        return rank != other.rank ? rank > other.rank : at > other.at;
    }
};

}  // namespace

MergeTable::MergeTable(const std::vector<BpeMerge>& merges) {
    entries_.resize(std::bit_ceil(2 * merges.size() + 2));
    mask_ = entries_.size() - 1;
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        const BpeMerge& merge = merges[rank];
        const std::uint64_t pair = key(merge.left, merge.right);
        std::uint64_t slot = hash(pair);
        while (entries_[slot & mask_].rank != kNoRank && entries_[slot & mask_].pair != pair) ++slot;
        entries_[slot & mask_] = {pair, static_cast<std::uint32_t>(rank), merge.merged};
    }
}

WordCache::WordCache() : entries_(kCacheEntries) {}

WordCache::Entry& WordCache::entry(const Key& word, std::size_t length) {
    std::uint64_t hash = length;
    for (const std::uint64_t part : word) hash = (hash ^ part) * 0x9e3779b97f4a7c15ULL, hash ^= hash >> 29;
    return entries_[(hash >> 32) & (kCacheEntries - 1)];
}

ByteBpe::ByteBpe(Config config)
    : byte_ids_(config.byte_ids), table_(config.merges), whole_words_(std::move(config.whole_words)) {}

void ByteBpe::encode(std::string_view word, WordCache& cache, std::vector<std::int32_t>& ids) const {
    if (word.size() == 1) {
        ids.push_back(byte_ids_[static_cast<unsigned char>(word[0])]);
        return;
    }
    if (word.empty()) return;
    if (word.size() > WordCache::kLongestWord) return merge(word, ids);
    WordCache::Key key{};
    std::memcpy(key.data(), word.data(), word.size());
    WordCache::Entry& entry = cache.entry(key, word.size());
    if (entry.length == word.size() && entry.word == key) {
        ids.insert(ids.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
        return;
    }
    const std::size_t before = ids.size();
    merge(word, ids);
    if (ids.size() - before > WordCache::kMostIds) return;
    entry.word = key;
    entry.length = static_cast<std::uint8_t>(word.size());
    entry.count = static_cast<std::uint8_t>(ids.size() - before);
    std::copy(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end(), entry.ids.begin());
}

void ByteBpe::merge(std::string_view word, std::vector<std::int32_t>& ids) const {
    if (!whole_words_.empty()) {
        if (const auto found = whole_words_.find(word); found != whole_words_.end()) {
            ids.push_back(found->second);
            return;
        }
    }
    word.size() <= kScanLimit ? merge_short(word, ids) : merge_long(word, ids);
}

void ByteBpe::merge_short(std::string_view word, std::vector<std::int32_t>& ids) const {
    std::array<std::int32_t, kScanLimit> id;       // the tokens so far
    std::array<std::uint32_t, kScanLimit> rank{};  // of each with the next one
    std::array<std::int32_t, kScanLimit> merged;   // what they become
    std::size_t count = word.size();
    const auto look = [&](std::size_t i) {
        rank[i] = MergeTable::kNoRank;
        if (i + 1 >= count) return;
        const MergeTable::Entry& entry = table_.find(id[i], id[i + 1]);
        rank[i] = entry.rank;
        merged[i] = entry.merged;
    };
    for (std::size_t i = 0; i < count; ++i) id[i] = byte_ids_[static_cast<unsigned char>(word[i])];
    for (std::size_t i = 0; i < count; ++i) look(i);
    for (;;) {
        const auto lowest = std::min_element(rank.begin(), rank.begin() + count);
        if (*lowest == MergeTable::kNoRank) break;
        const auto at = static_cast<std::size_t>(lowest - rank.begin());
        id[at] = merged[at];
        --count;
        std::copy(id.begin() + at + 2, id.begin() + count + 1, id.begin() + at + 1);
        std::copy(rank.begin() + at + 2, rank.begin() + count + 1, rank.begin() + at + 1);
        std::copy(merged.begin() + at + 2, merged.begin() + count + 1, merged.begin() + at + 1);
        look(at);
        if (at > 0) look(at - 1);
    }
    ids.insert(ids.end(), id.begin(), id.begin() + count);
}

void ByteBpe::merge_long(std::string_view word, std::vector<std::int32_t>& ids) const {
    const auto count = static_cast<std::int32_t>(word.size());
    std::vector<Symbol> symbols(word.size());
    for (std::int32_t i = 0; i < count; ++i) {
        symbols[static_cast<std::size_t>(i)] = {byte_ids_[static_cast<unsigned char>(word[i])], i - 1,
                                                i + 1 < count ? i + 1 : -1};
    }
    const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    std::priority_queue<Candidate> queue;
    const auto offer = [&](std::int32_t left) {
        if (left < 0 || at(left).next < 0) return;
        const MergeTable::Entry& entry = table_.find(at(left).id, at(at(left).next).id);
        if (entry.rank != MergeTable::kNoRank) queue.push({entry.rank, left, entry.merged});
    };
    for (std::int32_t i = 0; i < count; ++i) offer(i);
    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Symbol& left = at(best.at);
        if (left.id < 0 || left.next < 0) continue;
        Symbol& right = at(left.next);
        // Older candidates of this place, from before a neighbour merged, have another rank.
        if (table_.find(left.id, right.id).rank != best.rank) continue;
        left.id = best.merged;
        right.id = -1;
        left.next = right.next;
        if (left.next >= 0) at(left.next).previous = best.at;
        offer(best.at);
        offer(left.previous);
    }
    for (std::int32_t i = 0; i >= 0; i = at(i).next) ids.push_back(at(i).id);
}

}  // namespace linvox

#include "src/recipe/prose_pairs.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

constexpr std::size_t kRun = 20;  // passages that share a split

bool ends_sentence(std::string word) {
    while (!word.empty() && (word.back() == '"' || word.back() == '\'' || word.back() == ')'))
        word.pop_back();
    return !word.empty() && std::string_view(".!?").find(word.back()) != std::string_view::npos;
}

std::vector<std::string> paragraphs_of(const std::string& text) {
    std::vector<std::string> paragraphs = {""};
    for (const std::string& line : split(text, '\n')) {
        if (!trim(line).empty())
            paragraphs.back() += line + " ";
        else if (!paragraphs.back().empty())
            paragraphs.emplace_back();
    }
    return paragraphs;
}

/// The first end of a sentence at or behind `least` words from `begin`; the end of `words` when there is
/// none.
std::size_t sentence_end(const std::vector<std::string>& words, std::size_t begin, std::int64_t least) {
    const std::size_t first = begin + static_cast<std::size_t>(least);
    for (std::size_t at = first; at <= words.size(); ++at)
        if (at > begin && ends_sentence(words[at - 1])) return at;
    return words.size();
}

std::string words_between(const std::vector<std::string>& words, std::size_t begin, std::size_t end) {
    return join({words.begin() + static_cast<std::ptrdiff_t>(begin),
                 words.begin() + static_cast<std::ptrdiff_t>(end)},
                " ");
}

/// A stretch of `share` of the words, at a random place: [begin, end).
std::pair<std::size_t, std::size_t> stretch_of(std::size_t count, double share, Rng& rng) {
    const auto length =
        std::clamp<std::size_t>(static_cast<std::size_t>(share * static_cast<double>(count) + 0.5),
                                std::min<std::size_t>(3, count), count);
    const std::size_t begin = rng.below(count - length + 1);
    return {begin, begin + length};
}

void shuffle_stretch(std::vector<std::string>& words, double share, Rng& rng) {
    const auto [begin, end] = stretch_of(words.size(), share, rng);
    std::vector<std::string> inner(words.begin() + static_cast<std::ptrdiff_t>(begin),
                                   words.begin() + static_cast<std::ptrdiff_t>(end));
    rng.shuffle(inner);
    std::copy(inner.begin(), inner.end(), words.begin() + static_cast<std::ptrdiff_t>(begin));
}

/// From a random place on, 2 to 4 words come over and over to the end of the stretch.
void repeat_phrase(std::vector<std::string>& words, double share, Rng& rng) {
    const auto [begin, end] = stretch_of(words.size(), share, rng);
    const std::size_t period = std::min<std::size_t>(2 + rng.below(3), end - begin);
    for (std::size_t at = begin + period; at < end; ++at) words[at] = words[at - period];
}

void replace_words(std::vector<std::string>& words, double share, const std::vector<std::string>& others,
                   Rng& rng) {
    for (std::string& word : words)
        if (rng.uniform() < share / 2) word = others[rng.below(others.size())];
}

/// The other passage's words, cut or repeated to the same number.
void swap_words(std::vector<std::string>& words, const std::string& other) {
    const std::vector<std::string> source = split_words(other);
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = source[i % source.size()];
}

/// The split of every run of passages: exact shares, at least one run for each share above 0.
std::vector<std::string> splits_of_runs(std::size_t runs, const TextDataConfig& config, std::uint64_t seed) {
    std::vector<std::size_t> order(runs);
    for (std::size_t i = 0; i < runs; ++i) order[i] = i;
    Rng rng(mix_seed(seed, "prose splits"));
    rng.shuffle(order);
    std::vector<std::string> splits(runs, "train");
    std::size_t next = 0;
    for (const auto& [name, share] : {std::pair{"test", config.test_share}, {"valid", config.valid_share}}) {
        if (share == 0) continue;
        const double wanted = std::max(1.0, share * static_cast<double>(runs) + 0.5);
        for (auto i = static_cast<std::size_t>(wanted); i > 0 && next < runs; --i)
            splits[order[next++]] = name;
    }
    return splits;
}

}  // namespace

std::vector<Passage> cut_passages(const std::string& text, const std::string& name,
                                  const ProseConfig& config) {
    std::vector<Passage> passages;
    std::size_t number = 0;
    for (const std::string& paragraph : paragraphs_of(text)) {
        ++number;
        const std::vector<std::string> words = split_words(paragraph);
        for (std::size_t begin = 0; begin < words.size();) {
            const std::size_t border = sentence_end(words, begin, config.prompt_words);
            const std::size_t end = sentence_end(words, border, config.answer_words);
            if (end - border < static_cast<std::size_t>(config.answer_words)) break;
            // Sentences of a page make no example of this size.
            if (end - begin <= 4 * static_cast<std::size_t>(config.prompt_words + config.answer_words))
                passages.push_back({words_between(words, begin, border), words_between(words, border, end),
                                    fmt::format("{}, paragraph {}", name, number)});
            begin = end;
        }
    }
    return passages;
}

std::string damaged_answer(const std::string& answer, const std::string& kind, double share,
                           const std::string& other, const std::vector<std::string>& words, Rng& rng) {
    std::vector<std::string> damaged = split_words(answer);
    if (kind == "shuffle") shuffle_stretch(damaged, share, rng);
    if (kind == "repeat") repeat_phrase(damaged, share, rng);
    if (kind == "replace") replace_words(damaged, share, words, rng);
    if (kind == "swap") swap_words(damaged, other);
    return join(damaged, " ");
}

std::vector<TextItem> prose_items(const std::vector<Passage>& passages, const TextDataConfig& config,
                                  std::uint64_t seed) {
    constexpr int kTries = 20;
    std::vector<std::string> words;
    for (const Passage& passage : passages)
        for (std::string& word : split_words(passage.answer)) words.push_back(std::move(word));
    LINVOX_REQUIRE(
        passages.size() > 1, DataError,
        "the corpus gives {} passage(s); add text, or lower data.prose.prompt_words and answer_words",
        passages.size());
    const auto splits = splits_of_runs((passages.size() + kRun - 1) / kRun, config, seed);
    std::vector<TextItem> items;
    for (std::size_t i = 0; i < passages.size(); ++i) {
        const Passage& passage = passages[i];
        const std::string& split = splits[i / kRun];
        TextItem item{fmt::format("{}-{:05}", split, i),
                      split,
                      {{"user", passage.prompt}},
                      passage.answer,
                      {},
                      "",
                      passage.source};
        for (std::int64_t r = 0; r < config.prose.rejected; ++r) {
            const auto& kinds = config.prose.kinds;
            const std::string& kind = kinds[(i + static_cast<std::size_t>(r)) % kinds.size()];
            Rng rng(mix_seed(seed, "prose damage", i, r));
            for (int t = 0; t < kTries; ++t) {
                const Passage& other = passages[(i + 1 + rng.below(passages.size() - 1)) % passages.size()];
                std::string damaged =
                    damaged_answer(passage.answer, kind, config.prose.damage, other.answer, words, rng);
                const auto& made = item.rejected;
                if (damaged == passage.answer || std::find(made.begin(), made.end(), damaged) != made.end())
                    continue;
                item.rejected.push_back(std::move(damaged));
                break;
            }
        }
        if (!item.rejected.empty()) items.push_back(std::move(item));
    }
    return items;
}

}  // namespace linvox

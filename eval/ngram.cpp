#include "eval/ngram.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "src/base/error.h"

namespace linvox {

namespace {

struct Counts {
    std::map<std::string, std::int64_t> word;                          // </s> included, <s> not
    std::map<std::string, std::map<std::string, std::int64_t>> after;  // by predecessor
    std::int64_t tokens = 0;
};

Counts count(std::span<const std::vector<std::string>> sentences) {
    Counts counts;
    for (const auto& sentence : sentences) {
        if (sentence.empty()) continue;
        std::string previous = "<s>";
        const auto see = [&](const std::string& word) {
            ++counts.word[word];
            ++counts.after[previous][word];
            ++counts.tokens;
            previous = word;
        };
        for (const std::string& word : sentence) see(word);
        see("</s>");
    }
    return counts;
}

/// n1 / (n1 + 2 n2), from the numbers of events seen once and twice (Ney, Essen and Kneser 1994, eq. 15).
double discount(std::int64_t once, std::int64_t twice) {
    if (once == 0) return 0.5;
    return static_cast<double>(once) / static_cast<double>(once + 2 * twice);
}

template <typename Visit>
void each_bigram(const Counts& counts, const Visit& visit) {
    for (const auto& [previous, row] : counts.after) {
        for (const auto& [word, n] : row) visit(previous, word, n);
    }
}

double bigram_discount(const Counts& counts) {
    std::int64_t once = 0, twice = 0;
    each_bigram(counts, [&](const std::string&, const std::string&, std::int64_t n) {
        if (n == 1) ++once;
        if (n == 2) ++twice;
    });
    // Below 1 so that something remains of bigrams seen once, when no bigram was seen twice.
    return std::min(discount(once, twice), 0.9);
}

}  // namespace

std::string bigram_arpa(std::span<const std::vector<std::string>> sentences) {
    const Counts counts = count(sentences);
    LINVOX_REQUIRE(counts.tokens > 0, DataError, "a language model needs at least one sentence with a word");
    const double d = bigram_discount(counts);
    const auto unigram = [&](const std::string& word) {
        return static_cast<double>(counts.word.at(word)) / static_cast<double>(counts.tokens);
    };
    std::map<std::string, double> backoff;  // mass left for words not seen after this one
    for (const auto& [previous, row] : counts.after) {
        std::int64_t total = 0;
        for (const auto& [word, n] : row) total += n;
        backoff[previous] = d * static_cast<double>(row.size()) / static_cast<double>(total);
    }
    std::int64_t bigrams = 0;
    std::string pairs;
    each_bigram(counts, [&](const std::string& previous, const std::string& word, std::int64_t n) {
        double total = 0;
        for (const auto& [other, m] : counts.after.at(previous)) total += static_cast<double>(m);
        const double p = (static_cast<double>(n) - d) / total + backoff[previous] * unigram(word);
        pairs += fmt::format("{:.6f}\t{} {}\n", std::log10(p), previous, word);
        ++bigrams;
    });
    std::string out =
        fmt::format("\\data\\\nngram 1={}\nngram 2={}\n\n\\1-grams:\n", counts.word.size() + 1, bigrams);
    out += fmt::format("-99\t<s>\t{:.6f}\n", std::log10(backoff.at("<s>")));
    for (const auto& [word, n] : counts.word) {
        out += fmt::format("{:.6f}\t{}", std::log10(unigram(word)), word);
        if (backoff.count(word)) out += fmt::format("\t{:.6f}", std::log10(backoff.at(word)));
        out += '\n';
    }
    return out + "\n\\2-grams:\n" + pairs + "\n\\end\\\n";
}

}  // namespace linvox

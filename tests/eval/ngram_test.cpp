#include "eval/ngram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {
namespace {

using Sentences = std::vector<std::vector<std::string>>;
const Sentences kSentences = {{"press", "one"}, {"press", "one", "now"}, {"press", "two"}, {"now"}, {}};

struct Arpa {
    std::map<std::string, double> unigram, backoff;
    std::map<std::string, std::map<std::string, double>> bigram;
    int announced_unigrams = 0, announced_bigrams = 0;
    bool ended = false;
};

Arpa parse(const std::string& text) {
    Arpa out;
    int order = 0;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("ngram 1=")) out.announced_unigrams = std::stoi(line.substr(8));
        if (line.starts_with("ngram 2=")) out.announced_bigrams = std::stoi(line.substr(8));
        if (line == "\\1-grams:") order = 1;
        if (line == "\\2-grams:") order = 2;
        if (line == "\\end\\") out.ended = true;
        const std::vector<std::string> fields = split_words(line);
        if (order == 1 && (fields.size() == 2 || fields.size() == 3)) {
            out.unigram[fields[1]] = std::pow(10, std::stod(fields[0]));
            if (fields.size() == 3) out.backoff[fields[1]] = std::pow(10, std::stod(fields[2]));
        }
        if (order == 2 && fields.size() == 3)
            out.bigram[fields[1]][fields[2]] = std::pow(10, std::stod(fields[0]));
    }
    return out;
}

TEST(BigramArpa, CountsAndProbabilitiesByHand) {
    const Arpa arpa = parse(bigram_arpa(kSentences));
    // press one now two </s>, and <s>; 8 words and 4 ends: 12 events.
    EXPECT_EQ(arpa.announced_unigrams, 6);
    EXPECT_EQ(arpa.unigram.size(), 6u);
    EXPECT_NEAR(arpa.unigram.at("press"), 3.0 / 12, 1e-6);
    EXPECT_NEAR(arpa.unigram.at("</s>"), 4.0 / 12, 1e-6);
    // Bigrams: <s> press 3, <s> now 1, press one 2, press two 1, one now 1, one </s> 1, two </s> 1, now
    // </s> 2.
    EXPECT_EQ(arpa.announced_bigrams, 8);
    const double d = 5.0 / (5 + 2 * 2);  // five seen once, two seen twice
    EXPECT_NEAR(arpa.backoff.at("press"), 2 * d / 3, 1e-6);
    EXPECT_NEAR(arpa.bigram.at("press").at("one"), (2 - d) / 3 + 2 * d / 3 * 2 / 12, 1e-6);
    EXPECT_EQ(arpa.backoff.count("</s>"), 0u);
    EXPECT_TRUE(arpa.ended);
}

TEST(BigramArpa, EveryHistorySumsToOne) {
    const Arpa arpa = parse(bigram_arpa(kSentences));
    double total = 0;
    for (const auto& [word, p] : arpa.unigram) {
        if (word != "<s>") total += p;
    }
    EXPECT_NEAR(total, 1, 1e-5);
    for (const auto& [history, backoff] : arpa.backoff) {
        double sum = 0;
        for (const auto& [word, p] : arpa.unigram) {
            if (word == "<s>") continue;
            const auto row = arpa.bigram.find(history);
            const bool seen = row != arpa.bigram.end() && row->second.count(word);
            sum += seen ? row->second.at(word) : backoff * p;
        }
        EXPECT_NEAR(sum, 1, 1e-5) << history;
    }
}

TEST(BigramArpa, WorksWhenNothingRepeats) {
    const Arpa arpa = parse(bigram_arpa(Sentences{{"a", "b"}}));
    for (const auto& [history, row] : arpa.bigram) {
        for (const auto& [word, p] : row) {
            EXPECT_GT(p, 0) << history << " " << word;
            EXPECT_LE(p, 1) << history << " " << word;
        }
    }
}

TEST(BigramArpa, NeedsWords) {
    EXPECT_THROW(bigram_arpa(Sentences{}), DataError);
    EXPECT_THROW(bigram_arpa(Sentences{{}, {}}), DataError);
}

}  // namespace
}  // namespace linvox

// How far aligned models went from the SFT model: samples of each, scored by both.
//
// KL(policy || SFT) of an answer's tokens is the mean of ln policy - ln SFT over answers drawn from the
// policy itself at temperature 1 with nothing cut off; per token, in nats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace linvox {

/// One sampled answer: the difference of its log-probabilities and its scored tokens.
struct Divergence {
    std::string system, item;  // item: "<clip>.<sample>", as in spoken.jsonl
    double log_ratio = 0.0;    // ln policy - ln SFT over the answer, nats; may be negative for one answer
    std::int64_t tokens = 0;
};

void write_divergences(const std::filesystem::path& path, const std::vector<Divergence>& divergences);
std::vector<Divergence> read_divergences(const std::filesystem::path& path);

}  // namespace linvox

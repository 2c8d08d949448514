// Log-probabilities of answers under the frozen reference, computed once by the same path as training
// and kept in a file that can be resumed, extended and checked. Sums and counts, never means.
//
//   {"format": "linvox-reference", "version": 1, "model": "9f..", "softmax_range": "0:300", ...}
//   {"key": "SHA-256 of prompt, ids and given ranges", "sum": -812.5, "count": 301, "check": "a1b2c3d4"}
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/data/pack.h"
#include "src/model/decoder.h"
#include "src/model/score.h"

namespace linvox {

/// Of one answer: nats over its scored tokens, and how many they are.
struct ReferenceScore {
    double logprob_sum = 0.0;
    std::int64_t token_count = 0;
};

/// By answer_digest(prompt_ids, answer).
using ReferenceScores = std::unordered_map<std::string, ReferenceScore>;

/// Everything a score depends on beside the ids: digest of the weights, vocabulary digest, softmax range,
/// precision, mask and end rules, version. `extra` adds the caller's own digests.
std::map<std::string, std::string> reference_identity(const Decoder& reference, const ScoreConfig& score,
                                                      const std::map<std::string, std::string>& extra);

struct ReferenceCounts {
    std::int64_t needed = 0, found = 0, computed = 0, damaged = 0;
};

/// Scores every answer of `groups` that the file lacks (each distinct answer once), appending and flushing
/// as it goes; gradients off. A torn last line is cut, a damaged one computed again. DataError naming the
/// field and both values when the header says another identity; Interrupted on a stop request, nothing lost.
ReferenceScores precompute_reference(const std::filesystem::path& path, const Decoder& reference,
                                     const std::vector<SequenceGroup>& groups, const ScoreConfig& score,
                                     const std::map<std::string, std::string>& identity,
                                     std::int64_t token_budget, ReferenceCounts* counts = nullptr);

/// The file's scores. DataError on a missing file, another identity or a damaged line.
ReferenceScores read_reference(const std::filesystem::path& path,
                               const std::map<std::string, std::string>& identity);

}  // namespace linvox

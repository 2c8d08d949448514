// Log-probabilities of answers under the frozen reference, computed once by the same path as training
// and kept in a file that can be resumed, extended and checked. Sums and counts, never means; on request
// also the value of every token, 8 bytes each: float32 bits in hexadecimal digits, so that none is rounded.
//
//   {"format": "linvox-reference", "version": 1, "identity": {"model": "9f..", "softmax_range": ..}}
//   {"key": "SHA-256 of prompt, ids and given ranges", "sum": -812.5, "count": 301, "check": "a1b2c3d4",
//    "tokens": "c02b5a10bf9.."}
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

/// Of one answer: nats over its scored tokens, how many they are, and each by itself in their order (empty
/// when only the sum was kept).
struct ReferenceScore {
    double logprob_sum = 0.0;
    std::int64_t token_count = 0;
    std::vector<float> token_logprobs;
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

/// What is kept of an answer. A file may hold both kinds; an answer that has its sum only is scored again
/// when token values are asked for.
enum class ReferenceDetail { sums, tokens };

/// The scores of every answer of `groups`, in memory; gradients off.
ReferenceScores score_reference(const Decoder& reference, const std::vector<SequenceGroup>& groups,
                                const ScoreConfig& score, std::int64_t token_budget, ReferenceDetail detail);

/// Scores every answer of `groups` that the file lacks (each distinct answer once), appending and flushing
/// as it goes; gradients off. A torn last line is cut, a damaged one computed again. DataError naming the
/// field and both values when the header says another identity; Interrupted on a stop request, nothing lost.
ReferenceScores precompute_reference(const std::filesystem::path& path, const Decoder& reference,
                                     const std::vector<SequenceGroup>& groups, const ScoreConfig& score,
                                     const std::map<std::string, std::string>& identity,
                                     std::int64_t token_budget, ReferenceCounts* counts = nullptr,
                                     ReferenceDetail detail = ReferenceDetail::sums);

/// The file's scores. DataError on a missing file, another identity or a damaged line.
ReferenceScores read_reference(const std::filesystem::path& path,
                               const std::map<std::string, std::string>& identity);

}  // namespace linvox

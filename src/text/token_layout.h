// The two ways to write text and codes as one sequence. Single-stream codecs.
//
//   plain:    BOS u1 u2 ... un END | c c c ... c EOS
//             prompt               | answer, all scored
//   aligned:  BOS | u1 u2 c c c NEXT | u2 u3 c c NEXT | ... | un END c c NEXT
//             prompt  given  scored    given  scored          given  scored
//
// In the aligned layout each unit stands with its successor, then its codes, then NEXT, which the
// model predicts; the last NEXT ends the answer (ELLA-V, arXiv 2401.07333, interleaves likewise).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/text/token_sequence.h"
#include "src/text/vocabulary.h"

namespace linvox {

/// One text unit and its codes: [begin, end) in codec frames. end > begin.
struct AlignedUnit {
    std::string unit;
    std::int32_t begin = 0, end = 0;
    bool operator==(const AlignedUnit&) const = default;
};

/// What a generator must know of a layout beside the prompt: the tokens it is fed after each
/// boundary, and when an answer is over.
struct GenerationPlan {
    std::vector<std::int32_t> prompt_ids;
    std::vector<std::vector<std::int32_t>> forced;  // aligned: one pair of ids per unit; plain: empty
    std::int32_t boundary_id = -1;                  // NEXT; -1 in the plain layout
    std::int32_t stop_id = -1;                      // EOS; -1 in the aligned layout
};

struct LaidOut {
    std::vector<std::int32_t> prompt_ids;
    TokenSequence answer;
};

LaidOut lay_out_plain(const Vocabulary& vocabulary, std::span<const std::string> units,
                      std::span<const std::int32_t> codes);
/// `units` cover [0, codes.size()) without gap or overlap (DataError otherwise).
LaidOut lay_out_aligned(const Vocabulary& vocabulary, std::span<const AlignedUnit> units,
                        std::span<const std::int32_t> codes);

GenerationPlan plan_plain(const Vocabulary& vocabulary, std::span<const std::string> units);
GenerationPlan plan_aligned(const Vocabulary& vocabulary, std::span<const std::string> units);

/// The codes of an answer in either layout, in order, without the codec offset.
std::vector<std::int32_t> extract_codes(const Vocabulary& vocabulary,
                                        std::span<const std::int32_t> answer_ids);

/// How many codes each unit of an aligned answer took; an unfinished last unit counts too.
std::vector<std::int32_t> unit_lengths(const Vocabulary& vocabulary, const TokenSequence& answer);

/// One finding of the structure check: position in the answer and what is wrong there.
struct StructureProblem {
    std::int32_t position = 0;
    std::string what;
};
/// Walks an answer with the layout's state machine: wrong id class for its place, missing codes,
/// missing end. `finished` says the answer claims to have ended by itself.
std::vector<StructureProblem> check_structure(const Vocabulary& vocabulary, const GenerationPlan& plan,
                                              const TokenSequence& answer, bool finished);

}  // namespace linvox

// Which ids of a text model's vocabulary are codes of an audio codec, told from the tokens' names.
// Knows names only: not what the codec is, nor how many rows the embedding has.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace linvox {

class Tokenizer;

/// Codes as consecutive ids: code c of stream s is id first_id + s * (size / streams) + c.
///
/// A frame of audio is `frame_size` consecutive tokens. `streams` ranges of equal size stand one after
/// another; 1 where every token of a frame draws from the same range. Examples:
///   Llasa    <|s_N|>, 65536 ids, 1 stream, 1 token a frame
///   Orpheus  <custom_token_N>, 7 x 4096 ids, 7 streams (one for each position), 7 tokens a frame
struct CodecRange {
    std::string pattern;                 // "<|s_N|>": how the tokens are named
    std::int32_t first_id = 0;           // of code 0 of stream 0
    std::int32_t size = 0;               // ids in all streams together
    std::int32_t streams = 1;            // divides size
    std::int32_t frame_size = 1;         // tokens a frame
    std::vector<std::int32_t> stop_ids;  // tokens that end an answer; several are usual

    std::int32_t codebook_size() const { return size / streams; }
    bool contains(std::int32_t id) const { return id >= first_id && id < first_id + size; }
    /// The code within its stream; only for ids in the range.
    std::int32_t code(std::int32_t id) const { return (id - first_id) % codebook_size(); }
    std::int32_t stream(std::int32_t id) const { return (id - first_id) / codebook_size(); }
    bool operator==(const CodecRange&) const = default;
};

/// What the names say. Families that are codec-like but cannot be a range (missing numbers, ids out of
/// order, streams of unequal size) are not in `ranges`; `problems` says what each lacks, in one line.
struct CodecRangeReport {
    std::vector<CodecRange> ranges;  // the one a model generates first, for example semantic before global
    std::vector<std::string> problems;
};

/// `tokens[id]` is the token's name; "" where an id is unused.
CodecRangeReport find_codec_ranges(std::span<const std::string> tokens);
CodecRangeReport find_codec_ranges(const Tokenizer& tokenizer);

/// The only or first range. DataError saying what was found and what is wrong with it when there is none.
CodecRange require_codec_range(const Tokenizer& tokenizer);

/// "codec <|s_N|>: ids 128264..193799 (65536), 1 stream x 65536, 1 token a frame, stop 128009 128261".
std::string describe(const CodecRange& range);
/// All ranges and problems, a line each; "no codec tokens" when there is neither.
std::string describe(const CodecRangeReport& report);

}  // namespace linvox

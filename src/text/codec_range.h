// Which ids of a text model's vocabulary are codes of an audio codec, told from the tokens' names.
// Knows names only: not what the codec is, nor how many rows the embedding has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace linvox {

class Tokenizer;

/// Codes as consecutive ids: code c of stream s has the id first_id + s * codebook_size() + c.
///
/// Streams stand one after another, all of one size. A frame of audio is `frame_size` consecutive
/// tokens, one of each stream. Examples:
///   Llasa    <|s_N|>            65536 ids, 1 stream, 1 token a frame
///   Orpheus  <custom_token_N>   7 x 4096 ids, 7 streams (one for each place in a frame), 7 tokens a frame
struct CodecRange {
    std::string pattern;                 // how the tokens are named: "<|s_N|>"
    std::int32_t first_id = 0;           // of code 0 of stream 0
    std::int32_t first_number = 0;       // the number in that token's name: 10 for Orpheus
    std::int32_t size = 0;               // ids of all streams together
    std::int32_t streams = 1;            // divides size
    std::int32_t frame_size = 1;         // tokens a frame
    std::vector<std::int32_t> stop_ids;  // tokens that end an answer, ascending; several are usual

    std::int32_t codebook_size() const { return size / streams; }
    bool contains(std::int32_t id) const { return id >= first_id && id < first_id + size; }
    /// Stream and code within it; only for ids in the range.
    std::int32_t stream(std::int32_t id) const { return (id - first_id) / codebook_size(); }
    std::int32_t code(std::int32_t id) const { return (id - first_id) % codebook_size(); }
    bool operator==(const CodecRange&) const = default;
};

/// What the names say. A family of codec-like names that cannot be a range (missing numbers, ids out of
/// order, streams of unequal size) is not among `ranges`; `problems` has a line about each.
struct CodecRangeReport {
    std::vector<CodecRange> ranges;  // speech first, then for example Spark's speaker tokens
    std::vector<std::string> problems;
};

/// `tokens[id]` is the token's name; "" where an id is unused.
CodecRangeReport find_codec_ranges(std::span<const std::string> tokens);
CodecRangeReport find_codec_ranges(const Tokenizer& tokenizer);

/// The first range. DataError saying what was found, and what is wrong with it, when there is none.
CodecRange require_codec_range(const Tokenizer& tokenizer);

/// The known patterns, for messages and help: "<|s_N|>", "<|g#r#_N|>", ...; # numbers the streams.
std::vector<std::string> codec_patterns();

/// "<|s_N|>: ids 128264 to 193799 (1 stream x 65536 codes), 1 token a frame, stop ids 128261".
std::string describe(const CodecRange& range);
/// A line for each range and problem; "no codec tokens" when there are neither.
std::string describe(const CodecRangeReport& report);

}  // namespace linvox

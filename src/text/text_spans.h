// Labelled parts of a text, counted in characters, and the tokens that they become. A token belongs to the
// part that its first letter stands in; white space goes with what follows it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// Half-open [begin, end): characters (Unicode code points, as Python counts) of a text, or tokens of an
/// answer.
struct LabelledSpan {
    std::int64_t begin = 0, end = 0;
    std::string label;
    bool operator==(const LabelledSpan&) const = default;
};

/// A tokenizer as far as spans need one.
struct TextCoder {
    std::function<std::vector<std::int32_t>(std::string_view)> encode;
    std::function<std::string(std::span<const std::int32_t>)> decode;
};

/// An answer as it is encoded: [begin, end) of `text` are its own bytes, behind `skipped` ones that were left
/// out; what stands around them a chat template has added.
struct FramedText {
    std::string text;
    std::size_t begin = 0, end = 0, skipped = 0;
};

std::int64_t character_count(std::string_view text);
/// The byte at which character number `character` begins; the size of `text` behind the last one.
std::size_t byte_of_character(std::string_view text, std::int64_t character);

/// Tokens of `text` in front of one of its bytes. A token that the border cuts is counted: it began before.
struct TokenBorder {
    std::int32_t at = 0;
    bool cuts = false;
};
/// `ids` are those of `text`, with or without an end behind them.
TokenBorder token_border(const TextCoder& coder, std::string_view text, std::span<const std::int32_t> ids,
                         std::size_t byte);

/// Spans of `answer` in characters as spans of `ids`, its tokens. One that reaches the end of the answer
/// holds its end tokens too; what the template has in front of the answer belongs to none. DataError naming
/// the span that has no token of its own.
std::vector<LabelledSpan> token_spans(const TextCoder& coder, const FramedText& framed,
                                      std::string_view answer, std::span<const std::int32_t> ids,
                                      const std::vector<LabelledSpan>& spans);

}  // namespace linvox

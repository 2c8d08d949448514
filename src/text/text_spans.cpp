#include "src/text/text_spans.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"

namespace linvox {
namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::int64_t letter_count(std::string_view text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return !is_blank(c) && !continues_character(c); });
}

}  // namespace

std::int64_t character_count(std::string_view text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); });
}

std::size_t byte_of_character(std::string_view text, std::int64_t character) {
    for (std::size_t byte = 0; byte < text.size(); ++byte)
        if (!continues_character(text[byte]) && character-- == 0) return byte;
    return text.size();
}

TokenBorder token_border(const TextCoder& coder, std::string_view text, std::span<const std::int32_t> ids,
                         std::size_t byte) {
    std::string_view front = text.substr(0, byte);
    while (!front.empty() && is_blank(front.back())) front.remove_suffix(1);
    if (front.empty()) return {};
    const std::vector<std::int32_t> before = coder.encode(front);
    const auto parted = std::mismatch(before.begin(), before.end(), ids.begin(), ids.end()).first;
    const auto same = static_cast<std::size_t>(parted - before.begin());
    if (parted == before.end()) return {static_cast<std::int32_t>(same), false};
    // The front alone is cut into other tokens than the whole: its letters are counted instead.
    const std::int64_t needed = letter_count(coder.decode({parted, before.end()}));
    for (std::size_t at = same + 1; at <= ids.size(); ++at) {
        const std::int64_t letters = letter_count(coder.decode(ids.subspan(same, at - same)));
        if (letters >= needed) return {static_cast<std::int32_t>(at), letters > needed};
    }
    return {static_cast<std::int32_t>(ids.size()), false};
}

std::vector<LabelledSpan> token_spans(const TextCoder& coder, const FramedText& framed,
                                      std::string_view answer, std::span<const std::int32_t> ids,
                                      const std::vector<LabelledSpan>& spans) {
    const auto border = [&](std::int64_t character) {
        const std::size_t byte =
            std::max(byte_of_character(answer, character), framed.skipped) - framed.skipped;
        return std::int64_t{
            token_border(coder, framed.text, ids, std::min(framed.begin + byte, framed.end)).at};
    };
    std::vector<LabelledSpan> found;
    for (const LabelledSpan& span : spans) {
        const bool is_last =
            byte_of_character(answer, span.end) >= framed.skipped + (framed.end - framed.begin);
        found.push_back({border(span.begin),
                         is_last ? static_cast<std::int64_t>(ids.size()) : border(span.end), span.label});
        LINVOX_REQUIRE(found.back().begin < found.back().end, DataError,
                       "the span \"{}\" of the characters {} to {} has no token of its own; widen it",
                       span.label, span.begin, span.end);
    }
    return found;
}

}  // namespace linvox

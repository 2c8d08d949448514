#include "src/text/utf8.h"

#include <cstdint>
#include <cstring>

namespace linvox {
namespace {

struct Sequence {
    std::size_t length;  // of the sequence, or of the broken part
    bool valid;
};

/// The range that the second byte after `lead` must lie in; the others are 80..BF.
struct SecondByte {
    unsigned char low = 0x80, high = 0xBF;
};

SecondByte second_byte(unsigned char lead) {
    switch (lead) {
        case 0xE0:
            return {0xA0, 0xBF};  // below: overlong
        case 0xED:
            return {0x80, 0x9F};  // above: surrogates
        case 0xF0:
            return {0x90, 0xBF};  // below: overlong
        case 0xF4:
            return {0x80, 0x8F};  // above: beyond U+10FFFF
        default:
            return {};
    }
}

Sequence sequence_at(std::string_view bytes, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const unsigned char lead = byte(at);
    if (lead < 0x80) return {1, true};
    if (lead < 0xC2 || lead > 0xF4) return {1, false};
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    SecondByte allowed = second_byte(lead);
    for (std::size_t i = 1; i < length; ++i, allowed = {}) {
        if (at + i >= bytes.size() || byte(at + i) < allowed.low || byte(at + i) > allowed.high)
            return {i, false};
    }
    return {length, true};
}

std::size_t skip_ascii(std::string_view bytes, std::size_t at) {
    for (std::uint64_t block; at + sizeof(block) <= bytes.size(); at += sizeof(block)) {
        std::memcpy(&block, bytes.data() + at, sizeof(block));
        if (block & 0x8080808080808080ULL) break;
    }
    return at;
}

/// The end of the valid part that starts at `at`; `broken` is the length of what follows it.
std::size_t valid_end(std::string_view bytes, std::size_t at, std::size_t& broken) {
    while (at < bytes.size()) {
        at = skip_ascii(bytes, at);
        if (at == bytes.size()) break;
        const Sequence next = sequence_at(bytes, at);
        if (!next.valid) {
            broken = next.length;
            return at;
        }
        at += next.length;
    }
    broken = 0;
    return at;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    std::size_t broken = 0;
    valid_end(bytes, 0, broken);
    return broken == 0;
}

std::string repair_utf8(std::string_view bytes) {
    std::string out;
    for (std::size_t at = 0; at < bytes.size();) {
        std::size_t broken = 0;
        const std::size_t end = valid_end(bytes, at, broken);
        out.append(bytes.substr(at, end - at));
        if (broken > 0) out += "\xEF\xBF\xBD";
        at = end + broken;
    }
    return out;
}

}  // namespace linvox

#include "src/text/byte_letters.h"

#include <array>

#include "src/text/unicode.h"

namespace linvox {
namespace {

constexpr char32_t kLastLetter = 0x143;

struct LetterTables {
    std::array<char32_t, 256> letter{};
    std::array<int, kLastLetter + 1> byte{};  // -1: not a letter
};

constexpr bool stands_for_itself(int byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr LetterTables make_letter_tables() {
    LetterTables tables;
    tables.byte.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
        const char32_t letter = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
        tables.letter[static_cast<std::size_t>(byte)] = letter;
        tables.byte[letter] = byte;
    }
    return tables;
}

constexpr LetterTables kLetterTables = make_letter_tables();

}  // namespace

std::string to_byte_letters(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) append_utf8(out, kLetterTables.letter[static_cast<unsigned char>(c)]);
    return out;
}

std::optional<std::string> from_byte_letters(std::string_view letters) {
    std::string out;
    for (std::size_t at = 0; at < letters.size(); ++at) {
        char32_t c = static_cast<unsigned char>(letters[at]);
        if (c >= 0xE0) return std::nullopt;  // beyond U+07FF
        if (c >= 0x80) c = (c & 0x1F) << 6 | (static_cast<unsigned char>(letters[++at]) & 0x3F);
        if (c > kLastLetter || kLetterTables.byte[c] < 0) return std::nullopt;
        out += static_cast<char>(kLetterTables.byte[c]);
    }
    return out;
}

}  // namespace linvox

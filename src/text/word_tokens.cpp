#include "src/text/word_tokens.h"
#include "src/base/text.h"

#include <algorithm>

namespace linvox {
namespace {

constexpr std::string_view kNumberBreak = "<_>", kSign = "<->", kPoint = "<.>", kComma = "<,>";

bool is_word_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\'' ||
           static_cast<unsigned char>(c) >= 128;
}

/// The end of the number that starts at `begin`: digits, with points and commas between digits.
std::size_t number_end(std::string_view text, std::size_t begin) {
    std::size_t end = begin;
    while (end < text.size() && (is_digit(text[end]) || ((text[end] == '.' || text[end] == ',') &&
                                                         end + 1 < text.size() && is_digit(text[end + 1]))))
        ++end;
    return end;
}

/// A minus that belongs to the number behind it: nothing that it could be subtracted from stands before it.
bool is_sign(std::string_view text, std::size_t at) {
    return text[at] == '-' && at + 1 < text.size() && is_digit(text[at + 1]) &&
           (at == 0 || text[at - 1] == ' ' || text[at - 1] == '\n' || text[at - 1] == '(' ||
            text[at - 1] == '$');
}

void add_number(std::vector<std::string>& tokens, std::string_view number) {
    for (auto c = number.rbegin(); c != number.rend(); ++c)
        tokens.push_back(*c == '.'   ? std::string(kPoint)
                         : *c == ',' ? std::string(kComma)
                                     : std::string(1, *c));
}

bool is_number_part(const std::string& token) {
    return (token.size() == 1 && is_digit(token[0])) || token == kPoint || token == kComma;
}

bool sticks_to_the_left(const std::string& token) {
    return token.size() == 1 && std::string_view(".,?!:;%)").find(token[0]) != std::string_view::npos;
}

bool sticks_to_the_right(const std::string& token) { return token == "(" || token == "$" || token == kSign; }

}  // namespace

std::vector<std::string> word_tokens(std::string_view text) {
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (is_digit(c)) {
            const std::size_t end = number_end(text, at);
            if (!tokens.empty() && is_number_part(tokens.back())) tokens.emplace_back(kNumberBreak);
            add_number(tokens, text.substr(at, end - at));
            at = end;
        } else if (is_word_byte(c) || c == '#') {
            std::size_t end = at;
            while (end < text.size() && (c == '#' ? text[end] == '#' : is_word_byte(text[end]))) ++end;
            tokens.emplace_back(text.substr(at, end - at));
            at = end;
        } else {
            if (is_sign(text, at))
                tokens.emplace_back(kSign);
            else if (c == '\n' || static_cast<unsigned char>(c) > ' ')
                tokens.emplace_back(1, c);
            ++at;
        }
    }
    return tokens;
}

std::string join_word_tokens(std::span<const std::string> tokens) {
    std::string text;
    bool glue = true;  // the next token follows without a space
    for (std::size_t i = 0; i < tokens.size();) {
        const std::string& token = tokens[i];
        if (token == kNumberBreak) {
            ++i;
            continue;
        }
        if (token == "\n") {
            text += '\n';
            glue = true;
            ++i;
            continue;
        }
        if (!glue && !sticks_to_the_left(token)) text += ' ';
        glue = sticks_to_the_right(token);
        if (!is_number_part(token)) {
            text += token == kSign ? "-" : token;
            ++i;
            continue;
        }
        std::string number;
        for (; i < tokens.size() && is_number_part(tokens[i]); ++i)
            number += tokens[i].size() == 1 ? tokens[i][0] : tokens[i][1];
        text.append(number.rbegin(), number.rend());
    }
    return text;
}

}  // namespace linvox

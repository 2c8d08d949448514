#include "src/text/added_tokens.h"

#include <utf8proc.h>

#include <algorithm>

namespace linvox {
namespace {

char32_t first_character(std::string_view text) {
    utf8proc_int32_t c = 0;
    utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                     static_cast<utf8proc_ssize_t>(text.size()), &c);
    return static_cast<char32_t>(c);
}

std::string_view last_character(std::string_view text) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    return text.substr(at);
}

/// White_Space of PropList.txt.
bool is_white_space(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000;
}

/// \w of UTS 18: Alphabetic, marks, decimal digits, connectors, joiners.
bool is_regex_word_character(char32_t c) {
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_PC:
            return true;
        default:  // joiners, and the symbols that are Other_Alphabetic
            return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
                   (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
                   (c >= 0x1F170 && c <= 0x1F189);
    }
}

std::size_t without_trailing_space(std::string_view text) {
    while (!text.empty()) {
        const std::string_view last = last_character(text);
        if (!is_white_space(first_character(last))) break;
        text.remove_suffix(last.size());
    }
    return text.size();
}

std::size_t leading_space(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const char32_t c = first_character(text.substr(at));
        if (!is_white_space(c)) break;
        at += c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
    }
    return at;
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
    const bool left =
        begin == 0 || !is_regex_word_character(first_character(last_character(text.substr(0, begin))));
    const bool right = end == text.size() || !is_regex_word_character(first_character(text.substr(end)));
    return left && right;
}

/// A trie node still to be laid out: the sorted tokens [first, last) agree in their first `depth` bytes.
struct PendingNode {
    std::size_t first, last, depth;
};

}  // namespace

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens) {
    std::vector<const AddedToken*> sorted;
    for (const AddedToken& token : tokens) {
        if (!token.text.empty()) sorted.push_back(&token);
    }
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->text < b->text; });
    for (const AddedToken* token : sorted) {
        tokens_.push_back({token->id, token->left_strip, token->right_strip, token->single_word});
        starts_[static_cast<unsigned char>(token->text[0])] = true;
    }
    // Breadth first, so that siblings end up side by side.
    std::vector<PendingNode> pending = {{0, sorted.size(), 0}};
    nodes_.emplace_back();
    labels_.push_back(0);
    for (std::size_t node = 0; node < pending.size(); ++node) {
        auto [first, last, depth] = pending[node];
        if (first < last && sorted[first]->text.size() == depth)
            nodes_[node].token = static_cast<std::int32_t>(first++);
        while (first < last && sorted[first]->text.size() == depth) ++first;  // the same text again
        nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
        while (first < last) {
            const char label = sorted[first]->text[depth];
            std::size_t end = first;
            while (end < last && sorted[end]->text[depth] == label) ++end;
            pending.push_back({first, end, depth + 1});
            nodes_.emplace_back();
            labels_.push_back(label);
            ++nodes_[node].children;
            first = end;
        }
    }
}

std::uint32_t AddedTokenFinder::child(std::uint32_t node, char byte) const {
    const Node& parent = nodes_[node];
    for (std::uint32_t at = parent.first_child; at < parent.first_child + parent.children; ++at) {
        if (labels_[at] == byte) return at;
    }
    return 0;
}

std::optional<AddedTokenFinder::Match> AddedTokenFinder::find(std::string_view text, std::size_t from) const {
    for (std::size_t begin = from; begin < text.size(); ++begin) {
        if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
        std::optional<Match> longest;
        std::uint32_t node = 0;
        for (std::size_t at = begin; at < text.size() && (node = child(node, text[at])) != 0; ++at) {
            if (nodes_[node].token >= 0) longest = Match{begin, at + 1, nodes_[node].token};
        }
        if (longest) return longest;
    }
    return std::nullopt;
}

void AddedTokenFinder::split(std::string_view text, std::vector<TextSection>& sections) const {
    std::size_t done = 0;
    std::size_t from = 0;
    while (const auto match = tokens_.empty() ? std::nullopt : find(text, from)) {
        const Flags& token = tokens_[static_cast<std::size_t>(match->token)];
        from = match->end;
        if (token.single_word && !stands_alone(text, match->begin, match->end)) continue;
        std::size_t begin = std::max(match->begin, done), end = std::max(match->end, done);
        if (token.left_strip) begin = std::max(done, without_trailing_space(text.substr(0, match->begin)));
        if (token.right_strip) end = match->end + leading_space(text.substr(match->end));
        if (begin > done) sections.push_back({text.substr(done, begin - done), -1});
        sections.push_back({text.substr(begin, end - begin), token.id});
        done = end;
    }
    if (done < text.size()) sections.push_back({text.substr(done), -1});
}

}  // namespace linvox

// Tokens that are found in the text as they stand, before it is cut into words: special tokens, control
// tokens, tens of thousands of codec tokens. Follows AddedVocabulary of Hugging Face's tokenizers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// An entry of "added_tokens" in a tokenizer.json.
struct AddedToken {
    std::string text;
    std::int32_t id = 0;
    bool special = false;     // decode may leave it out
    bool normalized = false;  // looked for in the normalised text, not in the text as given
    bool left_strip = false, right_strip = false;  // takes the white space beside it, too
    bool single_word = false;                      // not beside a letter, a digit or an underscore
};

/// Part of a text: an added token, or text in between (id -1).
struct TextSection {
    std::string_view text;
    std::int32_t id = -1;
};

/// Finds the leftmost added token, the longest of those that start there, then the next one behind it.
/// A trie whose children stand side by side: one step is a scan of a few bytes.
class AddedTokenFinder {
public:
    explicit AddedTokenFinder(const std::vector<AddedToken>& tokens);

    /// Appends the sections of valid UTF-8 `text`, in order, none of them empty.
    void split(std::string_view text, std::vector<TextSection>& sections) const;

private:
    struct Node {
        std::uint32_t first_child = 0;
        std::uint16_t children = 0;
        std::int32_t token = -1;  // index into tokens_ of the token that ends here
    };
    struct Match {
        std::size_t begin, end;
        std::int32_t token;
    };
    std::optional<Match> find(std::string_view text, std::size_t from) const;
    /// The node below `node` at `byte`, or 0.
    std::uint32_t child(std::uint32_t node, char byte) const;

    struct Flags {
        std::int32_t id;
        bool left_strip, right_strip, single_word;
    };
    std::vector<Flags> tokens_;
    std::vector<Node> nodes_;         // 0 is the root; the children of a node are consecutive
    std::vector<char> labels_;        // the byte that leads to each node
    std::array<bool, 256> starts_{};  // whether a token starts with the byte
};

}  // namespace linvox

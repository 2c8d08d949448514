// Cuts text into the words that byte-pair encoding works on: the regular expressions of a
// tokenizer.json (PCRE2, compiled to machine code where it can be), one after another.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// GPT-2's words, as tokenizer.json means them by ByteLevel with use_regex
/// (github.com/openai/gpt-2, src/encoder.py).
extern const std::string_view kGpt2Pattern;

/// One pass over the words of the pass before.
struct SplitPass {
    std::string pattern;
    bool literal = false;  // the pattern is plain text
    bool drop_matches = false, drop_rest = false;
    /// Instead of a pattern: every word that does not start with a space gets one.
    bool prefix_space = false;
    std::string where = {};  // "FILE: pre_tokenizer", for the message about a pattern that PCRE2 refuses
};

/// Immutable; safe to use from several threads with one Scratch each.
class PreTokenizer {
public:
    /// DataError with PCRE2's reason for a pattern it cannot compile.
    explicit PreTokenizer(std::vector<SplitPass> passes);
    PreTokenizer(PreTokenizer&&) noexcept;
    ~PreTokenizer();

    /// What one thread needs to match.
    class Scratch {
    public:
        explicit Scratch(const PreTokenizer& owner);
        Scratch(Scratch&&) noexcept;
        ~Scratch();

    private:
        friend class PreTokenizer;
        struct State;
        std::unique_ptr<State> state_;
    };

    /// The words of valid UTF-8, in order. They point into `text` or `scratch` and live until its next use.
    std::span<const std::string_view> words(std::string_view text, Scratch& scratch) const;

private:
    struct State;
    std::unique_ptr<const State> state_;
};

}  // namespace linvox

// Pronunciations: a dictionary in the format of CMU Sphinx ("word PH PH", "word(2) PH PH"), a user
// file of the same format laid over it, and a fallback for words in neither.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linvox {

using Phones = std::vector<std::string>;

/// How a word was found, for the data report.
enum class PronunciationSource { dictionary, derived, letters, missing };

struct Pronunciation {
    PronunciationSource source = PronunciationSource::missing;
    std::vector<Phones> variants;  // best first; empty when missing
};

class Lexicon {
public:
    /// Reads the dictionary and, unless empty, the user file, whose words replace the dictionary's.
    /// DataError (file, line, reason) on a missing file, an entry without phones, or a user entry
    /// with a phone the dictionary does not use.
    static Lexicon load(const std::filesystem::path& dictionary, const std::filesystem::path& user = {});

    bool contains(std::string_view word) const;

    /// Dictionary entry; else derived: the possessive or plural of a known word, a known prefix (un-, re-,
    /// ...) plus a known word, or two known words written as one; else letter by letter, which needs every
    /// letter's name; else missing.
    Pronunciation pronounce(std::string_view word) const;

    /// Puts one variant first, for example the one that a speaker uses most. No effect on words
    /// without that variant.
    void prefer(const std::string& word, const Phones& variant);

    /// The phones of the first variants of all words, in order. DataError naming the words that
    /// have no pronunciation.
    Phones phones_of(std::span<const std::string> words) const;

    /// Every phone the dictionary uses, sorted, silence and noise excluded.
    const std::vector<std::string>& phone_set() const { return phone_set_; }
    /// SHA-256 of the files read.
    const std::string& digest() const { return digest_; }

private:
    struct Entry {
        std::string_view word, phones;  // into text_
    };
    std::span<const Entry> find(std::string_view word) const;
    std::vector<Phones> variants(std::string_view word) const;
    std::vector<Phones> derive(std::string_view word) const;

    std::vector<std::shared_ptr<const std::string>> text_;  // the files' bytes
    std::vector<Entry> entries_;                            // sorted by word, file order within a word
    std::map<std::string, Phones, std::less<>> preferred_;
    std::vector<std::string> phone_set_;
    std::string digest_;
};

}  // namespace linvox

// Written text to the words that are spoken: numbers, symbols, abbreviations, acronyms.
// Two kinds: `english` spells everything out; `basic` only folds case and drops punctuation and
// serves every language. Neither decides pronunciations: that is the lexicon's task.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// The spoken words of a text and what was left out of it.
struct SpokenText {
    /// Lower case, apostrophes kept. A letter called by its name has a full stop: "usb" -> "u." "s."
    /// "b." when the acronym is not a word ("a" is the article, "a." the letter).
    std::vector<std::string> words;
    /// Stage directions taken out, without their brackets: "6 seconds of silence".
    std::vector<std::string> directions;
    bool is_speech() const { return !words.empty(); }
    std::string joined() const;  // words with single spaces
};

/// Says whether a lower-case word stands in the dictionary; decides whether "SIP" is a word or letters.
using IsWord = std::function<bool(std::string_view)>;

/// English. Cardinals up to 18 digits, decimals, ordinals, money, per cent, times of day, years from 1900 to
/// 2099; other numbers of four or more digits without commas or a tail of two zeros, and those with a leading
/// zero, digit by digit (telephone style). "3D", "H.323", "www.site.org", "A.M.", *, # and & are spelled out.
/// Text in <> or [] is a stage direction; text in () is one when it speaks of silence, tones, noise or
/// the reading itself, or when nothing else stands in the text.
/// Words in capitals that are not dictionary words are spelled, up to five letters.
/// Without `is_word`, those without a vowel are.
SpokenText spoken_english(std::string_view utf8, const IsWord& is_word = {});

/// Any language: case folded, punctuation and symbols to spaces, apostrophes inside words kept,
/// text in <> left out. CJK characters become words of their own.
SpokenText spoken_basic(std::string_view utf8);

/// "english" or "basic"; UserError on another name.
SpokenText spoken_words(std::string_view utf8, std::string_view normaliser, const IsWord& is_word = {});

}  // namespace linvox

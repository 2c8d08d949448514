#include "src/text/lexicon.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"

namespace linvox {

namespace {

struct Prefix {
    std::string_view written;
    std::array<const char*, 3> phones;  // unused places are nullptr
};
constexpr std::array<Prefix, 7> kPrefixes = {{{"un", {"AH", "N"}},
                                              {"re", {"R", "IY"}},
                                              {"de", {"D", "IY"}},
                                              {"pre", {"P", "R", "IY"}},
                                              {"non", {"N", "AA", "N"}},
                                              {"dis", {"D", "IH", "S"}},
                                              {"mis", {"M", "IH", "S"}}}};

constexpr std::size_t kShortestPart = 3;  // of words written as one: "touch" + "tone"

bool one_of(const std::string& phone, std::initializer_list<const char*> set) {
    return std::find(set.begin(), set.end(), phone) != set.end();
}

/// The sound of a plural or possessive s after `phones`.
Phones with_s(Phones phones) {
    const std::string& last = phones.back();
    if (one_of(last, {"S", "Z", "SH", "ZH", "CH", "JH"}))
        phones.insert(phones.end(), {"IH", "Z"});
    else if (one_of(last, {"P", "T", "K", "F", "TH"}))
        phones.push_back("S");
    else
        phones.push_back("Z");
    return phones;
}

/// The sound of a past tense ed after `phones`.
Phones with_ed(Phones phones) {
    const std::string& last = phones.back();
    if (one_of(last, {"T", "D"}))
        phones.insert(phones.end(), {"IH", "D"});
    else if (one_of(last, {"P", "K", "F", "TH", "S", "SH", "CH"}))
        phones.push_back("T");
    else
        phones.push_back("D");
    return phones;
}

/// "word(2)" -> "word".
std::string_view without_variant(std::string_view word) {
    if (word.size() < 4 || word.back() != ')') return word;
    const std::size_t open = word.rfind('(');
    if (open == std::string_view::npos || open == 0) return word;
    for (std::size_t i = open + 1; i + 1 < word.size(); ++i) {
        if (word[i] < '0' || word[i] > '9') return word;
    }
    return word.substr(0, open);
}

std::string_view next_line(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
        line.remove_suffix(1);
    return line;
}

}  // namespace

Lexicon Lexicon::load(const std::filesystem::path& dictionary, const std::filesystem::path& user) {
    Lexicon lexicon;
    Sha256 digest;
    std::vector<Entry> overlay;
    std::set<std::string, std::less<>> phones;
    for (const bool is_user : {false, true}) {
        const std::filesystem::path& path = is_user ? user : dictionary;
        if (path.empty()) continue;
        lexicon.text_.push_back(std::make_shared<const std::string>(read_file(path)));
        digest.add(*lexicon.text_.back());
        std::string_view rest = *lexicon.text_.back();
        for (std::size_t number = 1; !rest.empty(); ++number) {
            const std::string_view line = next_line(rest);
            if (line.empty() || line.starts_with(";;;") || line.starts_with("#")) continue;
            const std::size_t space = line.find_first_of(" \t");
            LINVOX_REQUIRE(space != std::string_view::npos && space > 0, DataError,
                           "{}:{}: a word and its phones must stand here, found '{}'; write for example "
                           "\"hello HH AH L OW\"",
                           path.string(), number, line);
            const Entry entry{without_variant(line.substr(0, space)), line.substr(space + 1)};
            for (const std::string& phone : split_words(entry.phones)) {
                LINVOX_REQUIRE(!is_user || phones.count(phone) == 1, DataError,
                               "{}:{}: the phone '{}' of '{}' is not used by {}; its phones are: {}",
                               path.string(), number, phone, entry.word, dictionary.string(),
                               join(std::vector<std::string>(phones.begin(), phones.end()), " "));
                if (!is_user) phones.insert(phone);
            }
            (is_user ? overlay : lexicon.entries_).push_back(entry);
        }
    }
    LINVOX_REQUIRE(!phones.empty(), DataError, "{}: the dictionary is empty", dictionary.string());
    const auto by_word = [](const Entry& a, const Entry& b) { return a.word < b.word; };
    std::stable_sort(overlay.begin(), overlay.end(), by_word);
    std::erase_if(lexicon.entries_, [&](const Entry& entry) {
        return std::binary_search(overlay.begin(), overlay.end(), entry, by_word);
    });
    lexicon.entries_.insert(lexicon.entries_.end(), overlay.begin(), overlay.end());
    std::stable_sort(lexicon.entries_.begin(), lexicon.entries_.end(), by_word);
    lexicon.phone_set_.assign(phones.begin(), phones.end());
    lexicon.digest_ = digest.hex();
    return lexicon;
}

std::span<const Lexicon::Entry> Lexicon::find(std::string_view word) const {
    const auto [first, last] =
        std::equal_range(entries_.begin(), entries_.end(), Entry{word, {}},
                         [](const Entry& a, const Entry& b) { return a.word < b.word; });
    return {first, last};
}

bool Lexicon::contains(std::string_view word) const { return !find(word).empty(); }

std::vector<Phones> Lexicon::variants(std::string_view word) const {
    std::vector<Phones> found;
    for (const Entry& entry : find(word)) {
        Phones phones = split_words(entry.phones);
        if (std::find(found.begin(), found.end(), phones) == found.end()) found.push_back(std::move(phones));
    }
    const auto first = preferred_.find(word);
    if (first == preferred_.end()) return found;
    const auto at = std::find(found.begin(), found.end(), first->second);
    if (at != found.end()) std::rotate(found.begin(), at, at + 1);
    return found;
}

std::vector<Phones> Lexicon::derive(std::string_view word) const {
    std::vector<Phones> found;
    const auto map_variants = [&](std::string_view stem, Phones (*change)(Phones)) {
        for (const Phones& phones : variants(stem)) found.push_back(change(phones));
        return !found.empty();
    };
    if (word.ends_with("'s") && map_variants(word.substr(0, word.size() - 2), with_s)) return found;
    if (word.ends_with("'") && map_variants(word.substr(0, word.size() - 1), [](Phones p) { return p; }))
        return found;
    if (word.size() > 3 && word.ends_with("s") && map_variants(word.substr(0, word.size() - 1), with_s))
        return found;
    if (word.size() > 3 && word.ends_with("ed")) {
        if (map_variants(word.substr(0, word.size() - 2), with_ed)) return found;
        if (map_variants(word.substr(0, word.size() - 1), with_ed)) return found;
    }
    if (word.size() > 4 && word.ends_with("ing")) {
        const auto ing = [](Phones p) {
            p.insert(p.end(), {"IH", "NG"});
            return p;
        };
        const std::string_view stem = word.substr(0, word.size() - 3);
        if (map_variants(stem, ing) || map_variants(std::string(stem) + "e", ing)) return found;
    }
    for (const Prefix& prefix : kPrefixes) {
        if (!word.starts_with(prefix.written)) continue;
        const std::string_view stem = word.substr(prefix.written.size());
        std::vector<Phones> stems = stem.size() >= kShortestPart ? variants(stem) : std::vector<Phones>{};
        if (stems.empty() && stem.size() > kShortestPart) stems = derive(stem);
        for (const Phones& tail : stems) {
            Phones phones;
            for (const char* phone : prefix.phones) {
                if (phone != nullptr) phones.push_back(phone);
            }
            phones.insert(phones.end(), tail.begin(), tail.end());
            found.push_back(std::move(phones));
        }
        if (!found.empty()) return found;
    }
    // Two words written as one; the split with the longest shorter part is the likeliest.
    for (std::size_t distance = 0; distance < word.size(); ++distance) {
        const std::size_t middle = word.size() / 2;
        for (const std::size_t cut : {middle + distance, middle - std::min(distance, middle)}) {
            if (cut < kShortestPart || cut + kShortestPart > word.size()) continue;
            const std::vector<Phones> first = variants(word.substr(0, cut)),
                                      second = variants(word.substr(cut));
            if (first.empty() || second.empty()) continue;
            Phones phones = first[0];
            phones.insert(phones.end(), second[0].begin(), second[0].end());
            return {phones};
        }
    }
    return {};
}

Pronunciation Lexicon::pronounce(std::string_view word) const {
    Pronunciation out{PronunciationSource::dictionary, variants(word)};
    if (!out.variants.empty()) return out;
    out = {PronunciationSource::derived, derive(word)};
    if (!out.variants.empty()) return out;
    Phones letters;
    for (const char letter : word) {
        if (letter == '\'' || letter == '-' || letter == '.') continue;
        const std::vector<Phones> name = variants(std::string(1, letter) + ".");
        if (name.empty()) return {};
        letters.insert(letters.end(), name[0].begin(), name[0].end());
    }
    if (letters.empty()) return {};
    return {PronunciationSource::letters, {letters}};
}

void Lexicon::prefer(const std::string& word, const Phones& variant) { preferred_[word] = variant; }

Phones Lexicon::phones_of(std::span<const std::string> words) const {
    Phones out;
    std::vector<std::string> missing;
    for (const std::string& word : words) {
        const Pronunciation found = pronounce(word);
        if (found.variants.empty())
            missing.push_back("'" + word + "'");
        else
            out.insert(out.end(), found.variants[0].begin(), found.variants[0].end());
    }
    LINVOX_REQUIRE(missing.empty(), DataError,
                   "no pronunciation for {}; spell it differently or add it to the user lexicon",
                   join(missing, ", "));
    return out;
}

}  // namespace linvox

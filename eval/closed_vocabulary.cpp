#include "eval/closed_vocabulary.h"

#include <fmt/format.h>

#include <set>

#include "eval/ngram.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"

namespace linvox {

RecogniserConfig closed_vocabulary(const std::filesystem::path& folder,
                                   std::span<const std::vector<std::string>> sentences,
                                   const Lexicon& lexicon) {
    std::set<std::string> words;
    for (const auto& sentence : sentences) words.insert(sentence.begin(), sentence.end());
    std::string dictionary;
    std::vector<std::string> missing;
    for (const std::string& word : words) {
        const Pronunciation found = lexicon.pronounce(word);
        if (found.variants.empty()) missing.push_back("'" + word + "'");
        for (std::size_t i = 0; i < found.variants.size(); ++i) {
            const std::string mark = i == 0 ? "" : fmt::format("({})", i + 1);
            dictionary += fmt::format("{}{} {}\n", word, mark, join(found.variants[i], " "));
        }
    }
    LINVOX_REQUIRE(missing.empty(), DataError, "no pronunciation for {}; add them to the user lexicon",
                   join(missing, ", "));
    ensure_directory(folder);
    RecogniserConfig config;
    config.acoustic_model = default_acoustic_model();
    config.dictionary = folder / "words.dict";
    config.language_model = folder / "words.arpa";
    write_file_atomic(config.dictionary, dictionary);
    write_file_atomic(config.language_model, bigram_arpa(sentences));
    return config;
}

}  // namespace linvox

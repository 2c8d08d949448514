#include "src/recipe/listen.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "eval/edit_rate.h"
#include "eval/ngram.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/recipe/prepared.h"
#include "src/recipe/workers.h"
#include "src/text/error_rate_normalise.h"
#include "src/text/lexicon.h"

namespace linvox {

namespace {

/// Every word of the prompts with all its pronunciations: a word that the recogniser cannot
/// pronounce it can never hear.
std::string dictionary_of(const std::vector<std::vector<std::string>>& sentences, const Lexicon& lexicon) {
    std::set<std::string> words;
    for (const auto& sentence : sentences) words.insert(sentence.begin(), sentence.end());
    std::string lines;
    for (const std::string& word : words) {
        int number = 0;
        for (const Phones& phones : lexicon.pronounce(word).variants)
            lines += ++number == 1 ? fmt::format("{} {}\n", word, join(phones, " "))
                                   : fmt::format("{}({}) {}\n", word, number, join(phones, " "));
    }
    return lines;
}

}  // namespace

ListeningRoom::ListeningRoom(const std::filesystem::path& folder, const std::vector<std::vector<std::string>>& sentences,
                             const std::filesystem::path& user_lexicon) {
    ensure_directory(folder);
    config_.acoustic_model = default_acoustic_model();
    config_.dictionary = folder / "prompts.dict";
    config_.language_model = folder / "prompts.arpa";
    write_file_atomic(config_.dictionary, dictionary_of(sentences, Lexicon::load(default_dictionary(), user_lexicon)));
    write_file_atomic(config_.language_model, bigram_arpa(sentences));
    description_ = fmt::format("pocketsphinx en-us, bigram model over {} prompts", sentences.size());
}

std::vector<std::string> ListeningRoom::transcribe_all(
    const std::string& what, std::size_t count,
    const std::function<std::vector<float>(std::size_t)>& wave) const {
    std::vector<std::string> transcripts(count);
    Progress progress(what, "utterances", static_cast<std::int64_t>(count));
    std::mutex mutex;
    std::int64_t done = 0;
    parallel_with_helper(
        count, [&] { return Recogniser(config_); },
        [&](Recogniser& recogniser, std::size_t i) {
            transcripts[i] = recogniser.transcribe(wave(i));
            const std::lock_guard lock(mutex);
            progress.update(++done);
        });
    progress.finish();
    return transcripts;
}

std::vector<std::vector<std::string>> prompt_sentences(const std::filesystem::path& prepare_folder) {
    std::vector<std::vector<std::string>> sentences;
    for (const PreparedClip& clip : read_prepared(prepare_folder / "prepared.jsonl"))
        sentences.push_back(clip.words);
    return sentences;
}

double word_error_rate(const std::string& text, const std::string& transcript) {
    const auto rate =
        word_edits(error_rate_normalise(text, "linvox"), error_rate_normalise(transcript, "linvox")).rate();
    return std::clamp(rate.value_or(1.0), 0.0, 1.0);
}

}  // namespace linvox

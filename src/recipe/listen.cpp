#include "src/recipe/listen.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "eval/closed_vocabulary.h"
#include "eval/edit_rate.h"
#include "src/base/files.h"
#include "src/recipe/prepared.h"
#include "src/recipe/workers.h"
#include "src/text/error_rate_normalise.h"
#include "src/text/lexicon.h"

namespace linvox {

ListeningRoom::ListeningRoom(const std::filesystem::path& folder,
                             const std::vector<std::vector<std::string>>& sentences,
                             const std::filesystem::path& user_lexicon) {
    ensure_directory(folder);
    config_ = closed_vocabulary(folder, sentences, Lexicon::load(default_dictionary(), user_lexicon));
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

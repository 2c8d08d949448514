#include "audio/sphinx.h"

#include <err.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "src/base/error.h"

namespace linvox {

namespace {

thread_local std::string last_error;

void keep_error(void*, err_lvl_t level, const char* format, ...) {
    if (level < ERR_ERROR) return;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    last_error = message;
    while (!last_error.empty() && last_error.back() == '\n') last_error.pop_back();
}

// ps_init() fills tables of the library that all decoders share.
std::mutex& init_mutex() {
    static std::mutex mutex;
    return mutex;
}

}  // namespace

std::string take_sphinx_error() { return std::exchange(last_error, ""); }

SphinxDecoder make_sphinx_decoder(const std::filesystem::path& acoustic_model,
                                  const std::vector<std::pair<std::string, std::string>>& options) {
    LINVOX_REQUIRE(
        std::filesystem::exists(acoustic_model / "mdef"), UserError,
        "{}: no acoustic model here (file mdef is missing); install pocketsphinx-en-us or set the folder",
        acoustic_model.string());
    const std::lock_guard lock(init_mutex());
    err_set_logfp(nullptr);  // the option table goes there
    err_set_callback(keep_error, nullptr);
    last_error.clear();
    std::vector<std::string> words = {"linvox", "-hmm", acoustic_model.string()};
    for (const auto& [key, value] : options) words.insert(words.end(), {key, value});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    const std::unique_ptr<cmd_ln_t, SphinxDeleter> parsed(
        cmd_ln_parse_r(nullptr, ps_args(), static_cast<int32>(arguments.size()), arguments.data(), TRUE));
    LINVOX_ASSERT(parsed != nullptr, "pocketsphinx refused an option: {}", take_sphinx_error());
    SphinxDecoder decoder(ps_init(parsed.get()));
    LINVOX_REQUIRE(decoder != nullptr, UserError, "pocketsphinx cannot use the model in {}: {}",
                   acoustic_model.string(), take_sphinx_error());
    return decoder;
}

bool run_sphinx_utterance(ps_decoder_t* decoder, std::span<const float> wave16k) {
    constexpr std::size_t shortest =
        1600;  // 0.1 s: below it the front end gives too few frames for its deltas
    if (wave16k.size() < shortest) return false;
    std::vector<std::int16_t> pcm(wave16k.size());
    std::transform(wave16k.begin(), wave16k.end(), pcm.begin(), [](float sample) {
        return static_cast<std::int16_t>(std::lrint(std::clamp(sample, -1.0f, 1.0f) * 32767.0f));
    });
    last_error.clear();
    ps_start_stream(decoder);
    if (ps_start_utt(decoder) < 0) return false;
    const int frames = ps_process_raw(decoder, pcm.data(), pcm.size(), FALSE, TRUE);
    const int ended = ps_end_utt(decoder);
    return frames > 0 && ended >= 0;
}

}  // namespace linvox

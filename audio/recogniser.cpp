#include "audio/recogniser.h"

#include <fmt/format.h>

#include "audio/sphinx.h"
#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {

struct Recogniser::State {
    SphinxDecoder decoder;
};

std::filesystem::path default_acoustic_model() { return "/usr/share/pocketsphinx/model/en-us/en-us"; }
std::filesystem::path default_dictionary() {
    return "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict";
}

Recogniser::Recogniser(const RecogniserConfig& config) : state_(std::make_unique<State>()) {
    for (const auto& file : {config.dictionary, config.language_model}) {
        LINVOX_REQUIRE(std::filesystem::exists(file), UserError, "{}: the recogniser needs this file",
                       file.string());
    }
    state_->decoder = make_sphinx_decoder(config.acoustic_model,
                                          {{"-dict", config.dictionary.string()},
                                           {"-lm", config.language_model.string()},
                                           {"-lw", fmt::format("{}", config.language_weight)},
                                           {"-beam", fmt::format("{}", config.beam)},
                                           {"-pbeam", fmt::format("{}", config.beam)},
                                           {"-wbeam", fmt::format("{}", config.word_beam)},
                                           {"-maxhmmpf", fmt::format("{}", config.max_hmms_per_frame)},
                                           {"-ds", fmt::format("{}", config.downsample)}});
}

Recogniser::~Recogniser() = default;
Recogniser::Recogniser(Recogniser&&) noexcept = default;

std::string Recogniser::transcribe(std::span<const float> wave16k) {
    if (!run_sphinx_utterance(state_->decoder.get(), wave16k)) return "";
    const char* text = ps_get_hyp(state_->decoder.get(), nullptr);
    return text == nullptr ? "" : trim(text);
}

}  // namespace linvox

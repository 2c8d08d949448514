#include "audio/recogniser.h"

#include <fmt/format.h>

#include "audio/sphinx.h"
#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {

// Measured on every fourth clip of samples/prompts-en up to 25 s (304 s of speech, 669 words), bigram model
// over all prompts, one thread of a shared 2-core machine (pocketsphinx 0.8+5prealpha):
//
//   passes  language weight  best path's  other                    WER     real-time factor
//   2       6.5              9.5          (library defaults)       0.054   0.074
//   1       6.5              9.5                                   0.072   0.049
//   1       9                9.5                                   0.060   0.044
//   1       10               10                                    0.051   0.043
//   1       12               9.5                                   0.058   0.040
//   1       10               10           beams 1e-60              0.048   0.046
//   1       9                9.5          beams 1e-40              0.066   0.040
//   1       9                9.5          every second frame       0.076   0.029
//   1       9                9.5          2 Gaussians, 2nd frame   0.088   0.024
//   1       9                9.5          no best path             0.070   0.043
//   2       6.5              9.5          beams 1e-30              0.142   0.059
//   1       10               10           no noise removal         0.069   0.042
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
                                           {"-bestpathlw", fmt::format("{}", config.language_weight)},
                                           {"-fwdflat", config.second_pass ? "yes" : "no"},
                                           {"-fwdflatlw", fmt::format("{}", config.language_weight)},
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

// A look at what a model says while it is trained: a few watch prompts, spoken with the current weights,
// the same seeds each time and the settings of `synthesise`. It only reads the weights: its random numbers
// are its own and no gradient is touched, so a run with it equals one without, bit for bit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/generate/generate.h"
#include "src/model/decoder.h"
#include "src/recipe/judge_tts.h"
#include "src/recipe/stage.h"

namespace linvox {

/// A prompt to speak and what was recorded for it.
struct ProbePrompt {
    GenerationRequest request;
    std::vector<std::string> units;
    JudgedAgainst recording;
};

class GenerationProbe {
public:
    /// `phone_fit` belongs to the aligned layout. `prompts` must not be empty.
    GenerationProbe(std::vector<ProbePrompt> prompts, const SamplingConfig& sampling, Vocabulary vocabulary,
                    CodeDistortion distortion, std::optional<PhoneFit> phone_fit);

    /// Means over the prompts: probe/finished (share that ended by themselves), probe/capped_units (text
    /// units ended by force), probe/longest_run (codes), probe/duration_ratio (all codes / all recorded
    /// ones), probe/mcd (dB, against the recordings' spectra), probe/phone_fit (nats; aligned layout). A
    /// score that no answer has is left out. Throws what generate() throws.
    std::map<std::string, double> measure(const Decoder& decoder) const;

private:
    std::vector<ProbePrompt> prompts_;
    SamplingConfig sampling_;
    Vocabulary vocabulary_;
    CodeDistortion distortion_;
    std::optional<PhoneFit> phone_fit_;
};

/// The first `probe.prompts` watch clips of a run; null when probe.every is 0. Reads the codec and prepare
/// stages. DataError when the run has no watch clip.
std::shared_ptr<const GenerationProbe> make_probe(const StageContext& context);

}  // namespace linvox

// Speech recognition with pocketsphinx: an acoustic model, a pronunciation dictionary and a language
// model in ARPA format. No language model, no recognition: there is no bare word loop.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace linvox {

struct RecogniserConfig {
    std::filesystem::path acoustic_model;  // folder with mdef, feat.params, means, ...
    std::filesystem::path dictionary;      // words of the language model; others are ignored
    std::filesystem::path language_model;  // ARPA
    // The defaults are the quickest of those measured that lose no accuracy; see recogniser.cpp.
    double beam = 1e-48;
    double word_beam = 7e-29;
    double language_weight = 10;  // of the search and of the best path through the lattice
    int max_hmms_per_frame = 30000;
    int downsample = 1;        // senone scores at every n-th frame only: 2 saves a third of the time
    bool second_pass = false;  // search again over the words found: half as much time again
};

/// The folder where Debian's and Ubuntu's pocketsphinx-en-us puts its files.
std::filesystem::path default_acoustic_model();
std::filesystem::path default_dictionary();

/// One decoder. Not thread-safe: build one per thread. A transcript depends on its wave alone, not
/// on what was transcribed before.
class Recogniser {
public:
    /// UserError naming the missing or refused file.
    explicit Recogniser(const RecogniserConfig& config);
    ~Recogniser();
    Recogniser(Recogniser&&) noexcept;

    /// Mono, 16 kHz, [-1, 1]. Words separated by spaces, without fillers or variant marks; "" when
    /// nothing was recognised or the wave is shorter than 0.1 s.
    std::string transcribe(std::span<const float> wave16k);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace linvox

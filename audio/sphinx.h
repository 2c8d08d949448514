// What the recogniser and the aligner share of pocketsphinx 5prealpha: its messages, its owners, its frames.
// Included by their .cpp files only.
#pragma once

#include <pocketsphinx.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace linvox {

struct SphinxDeleter {
    void operator()(ps_decoder_t* decoder) const { ps_free(decoder); }
    void operator()(cmd_ln_t* options) const { cmd_ln_free_r(options); }
    void operator()(fsg_model_t* grammar) const { fsg_model_free(grammar); }
};
using SphinxDecoder = std::unique_ptr<ps_decoder_t, SphinxDeleter>;
using SphinxGrammar = std::unique_ptr<fsg_model_t, SphinxDeleter>;

/// pocketsphinx's frames per second with its default front end.
inline constexpr double kSphinxFrameRate = 100.0;

/// A decoder with these options ("-beam", "1e-48"); the library's messages are kept from the terminal, the
/// last error is put into the exception. UserError when it refuses.
SphinxDecoder make_sphinx_decoder(const std::filesystem::path& acoustic_model,
                                  const std::vector<std::pair<std::string, std::string>>& options);

/// One whole utterance in one call, so that the mean of its own cepstra is subtracted and nothing is carried
/// over from earlier ones. Returns false when the wave holds no frame.
bool run_sphinx_utterance(ps_decoder_t* decoder, std::span<const float> wave16k);

/// The last error message of this thread since it was asked for; "" when there was none.
std::string take_sphinx_error();

}  // namespace linvox

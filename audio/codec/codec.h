// What a neural audio codec offers the rest of Linvox. No torch here: the tensors stay in the .cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace linvox {

struct CodecInfo {
    std::string name;            // "melkm"
    std::string digest;          // SHA-256 of everything that turns a wave into codes
    std::string decoder_digest;  // SHA-256 of everything that turns codes into a wave
    int sample_rate_hz = 0;
    int hop = 0;                     // samples per frame, the slowest unit
    double frame_rate = 0;           // frames per second
    std::vector<int> codebook_size;  // one per stream
    std::vector<int> per_frame;      // codes per frame and stream: SNAC {1, 2, 4}
};

struct Codes {
    std::vector<std::vector<std::int32_t>> stream;
    bool operator==(const Codes&) const = default;
};

class Codec {
public:
    virtual ~Codec() = default;
    virtual const CodecInfo& info() const = 0;
    /// Mono float samples in [-1, 1] at info().sample_rate_hz. DataError on an empty wave, NaN or Inf.
    virtual Codes encode(std::span<const float> wave) const = 0;
    /// frames x hop samples. DataError on a code outside its book, naming the position.
    virtual std::vector<float> decode(const Codes& codes) const = 0;
};

/// Reads codec.json in `directory` and the files it names; UserError (file, tensor, expected, found).
/// Safe to use from several threads at once.
std::unique_ptr<Codec> load_codec(const std::filesystem::path& directory);

}  // namespace linvox

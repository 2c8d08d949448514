// Sound and pictures for a report: small audio files that browsers play, log-mel pictures, base64.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audio/wav.h"

namespace linvox {

/// An encoded file: its bytes, extension and MIME type.
struct MediaFile {
    std::string bytes, extension, mime_type;
};

/// Ogg Opus at about 32 kbit/s where libsndfile can and the rate is one of Opus's, else Ogg Vorbis, else
/// 16-bit WAV: what browsers play. DataError when the wave is empty or cannot be encoded.
MediaFile encode_audio(const Wave& wave);

/// Log-mel energies in dB re full scale: 80 HTK bands from 0 Hz to half the rate, 25 ms Hann every 10 ms.
struct MelPicture {
    std::size_t frames = 0, bands = 0;
    std::vector<float> db;  // [frames, bands]
    float peak_db() const;
};
MelPicture mel_picture(const Wave& wave);

/// A PNG of the picture, low frequencies at the bottom, one pixel per frame and band. Colours run from
/// `top_db` - `range_db` (dark) to `top_db`; pictures drawn with equal limits can be compared.
std::string mel_png(const MelPicture& picture, float top_db, float range_db = 70);

std::string base64(std::string_view bytes);

/// "data:audio/ogg;base64,..."
std::string data_uri(std::string_view mime_type, std::string_view bytes);

/// The MIME type of a media file's extension (".ogg", ".wav", ".png").
std::string mime_type_of(std::string_view extension);

}  // namespace linvox

#include "eval/media.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "audio/spectrum.h"
#include "eval/png.h"
#include "src/base/error.h"

namespace linvox {
namespace {

/// A file in memory for libsndfile's virtual input and output.
struct MemoryFile {
    std::string bytes;
    sf_count_t place = 0;
};

sf_count_t memory_size(void* user) {
    return static_cast<sf_count_t>(static_cast<MemoryFile*>(user)->bytes.size());
}
sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
    auto* file = static_cast<MemoryFile*>(user);
    file->place = whence == SEEK_SET   ? offset
                  : whence == SEEK_CUR ? file->place + offset
                                       : memory_size(user) + offset;
    return file->place;
}
sf_count_t memory_tell(void* user) { return static_cast<MemoryFile*>(user)->place; }
sf_count_t memory_read(void* out, sf_count_t count, void* user) {
    auto* file = static_cast<MemoryFile*>(user);
    count = std::max<sf_count_t>(0, std::min(count, memory_size(user) - file->place));
    std::memcpy(out, file->bytes.data() + file->place, static_cast<std::size_t>(count));
    file->place += count;
    return count;
}
sf_count_t memory_write(const void* in, sf_count_t count, void* user) {
    auto* file = static_cast<MemoryFile*>(user);
    const auto end = static_cast<std::size_t>(file->place + count);
    if (file->bytes.size() < end) file->bytes.resize(end);
    std::memcpy(file->bytes.data() + file->place, in, static_cast<std::size_t>(count));
    file->place += count;
    return count;
}

bool opus_takes(int rate_hz) {
    constexpr std::array kRates{8000, 12000, 16000, 24000, 48000};
    return std::find(kRates.begin(), kRates.end(), rate_hz) != kRates.end();
}

/// "" when libsndfile cannot write the format.
std::string encode_as(int format, const Wave& wave) {
    SF_INFO info{};
    info.samplerate = wave.sample_rate_hz;
    info.channels = 1;
    info.format = format;
    if (!sf_format_check(&info)) return "";
    MemoryFile memory;
    SF_VIRTUAL_IO io{memory_size, memory_seek, memory_read, memory_write, memory_tell};
    SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, &info, &memory);
    if (!file) return "";
    // libsndfile's scale for Opus: 0 is 256 kbit/s, 1 is 6 kbit/s. Vorbis: quality 1 - 0.6.
    double level = (format & SF_FORMAT_SUBMASK) == SF_FORMAT_OPUS ? 0.896 : 0.6;
    sf_command(file, SFC_SET_COMPRESSION_LEVEL, &level, sizeof level);
    sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
    const auto wanted = static_cast<sf_count_t>(wave.samples.size());
    const bool whole = sf_write_float(file, wave.samples.data(), wanted) == wanted;
    return sf_close(file) == 0 && whole ? memory.bytes : "";
}

/// 64 colours from black through violet and orange to pale yellow, lightness rising evenly.
std::vector<Rgb> heat_palette() {
    constexpr std::array<Rgb, 9> kAnchors{Rgb{6, 5, 20},     Rgb{34, 18, 74},    Rgb{80, 20, 120},
                                          Rgb{128, 37, 128}, Rgb{178, 54, 121},  Rgb{226, 82, 100},
                                          Rgb{249, 137, 96}, Rgb{253, 195, 137}, Rgb{252, 250, 196}};
    std::vector<Rgb> palette(64);
    for (std::size_t i = 0; i < palette.size(); ++i) {
        const double place =
            static_cast<double>(i) * (kAnchors.size() - 1) / static_cast<double>(palette.size() - 1);
        const auto low = std::min<std::size_t>(static_cast<std::size_t>(place), kAnchors.size() - 2);
        const double part = place - static_cast<double>(low);
        for (std::size_t c = 0; c < 3; ++c)
            palette[i][c] = static_cast<std::uint8_t>(
                std::lround((1 - part) * kAnchors[low][c] + part * kAnchors[low + 1][c]));
    }
    return palette;
}

}  // namespace

MediaFile encode_audio(const Wave& wave) {
    LINVOX_REQUIRE(!wave.samples.empty(), DataError, "an empty wave cannot be encoded for the report");
    if (opus_takes(wave.sample_rate_hz))
        if (std::string bytes = encode_as(SF_FORMAT_OGG | SF_FORMAT_OPUS, wave); !bytes.empty())
            return {std::move(bytes), ".ogg", "audio/ogg"};
    if (std::string bytes = encode_as(SF_FORMAT_OGG | SF_FORMAT_VORBIS, wave); !bytes.empty())
        return {std::move(bytes), ".ogg", "audio/ogg"};
    std::string bytes = encode_as(SF_FORMAT_WAV | SF_FORMAT_PCM_16, wave);
    LINVOX_REQUIRE(!bytes.empty(), DataError,
                   "a wave of {} samples at {} Hz cannot be encoded for the report", wave.samples.size(),
                   wave.sample_rate_hz);
    return {std::move(bytes), ".wav", "audio/wav"};
}

float MelPicture::peak_db() const { return db.empty() ? -100.0f : *std::max_element(db.begin(), db.end()); }

MelPicture mel_picture(const Wave& wave) {
    const double rate = wave.sample_rate_hz;
    StftConfig config;
    const auto window = static_cast<std::size_t>(std::lround(0.025 * rate));
    config.fft_size = 512;
    while (config.fft_size < 2 * window) config.fft_size *= 2;  // zero-padded: no empty low bands
    config.hop = static_cast<std::size_t>(std::lround(0.010 * rate));
    config.window = periodic_hann(window);
    config.framing = Framing::reflect;
    config.padding = config.fft_size / 2;
    Wave padded = wave;
    if (padded.samples.size() < config.fft_size) padded.samples.resize(config.fft_size, 0.0f);
    const Spectrogram power = power_spectrogram(padded.samples, config);
    MelPicture picture;
    picture.bands = 80;
    picture.frames = power.frames;
    const MelFilterbank bank = mel_filterbank(wave.sample_rate_hz, config.fft_size, picture.bands, 0,
                                              rate / 2, MelScale::htk, false);
    std::vector<double> energies(picture.bands);
    for (std::size_t t = 0; t < power.frames; ++t) {
        bank.apply(power.frame(t), energies);
        for (double energy : energies)
            picture.db.push_back(static_cast<float>(10 * std::log10(energy + 1e-10)));
    }
    return picture;
}

std::string mel_png(const MelPicture& picture, float top_db, float range_db) {
    static const std::vector<Rgb> palette = heat_palette();
    const float levels = static_cast<float>(palette.size() - 1);
    std::vector<std::uint8_t> pixels(picture.frames * picture.bands);
    for (std::size_t t = 0; t < picture.frames; ++t)
        for (std::size_t band = 0; band < picture.bands; ++band) {
            const float part = (picture.db[t * picture.bands + band] - top_db) / range_db + 1;
            pixels[(picture.bands - 1 - band) * picture.frames + t] =
                static_cast<std::uint8_t>(std::lround(levels * std::clamp(part, 0.0f, 1.0f)));
        }
    return png_image(pixels, static_cast<std::uint32_t>(picture.frames),
                     static_cast<std::uint32_t>(picture.bands), palette);
}

std::string base64(std::string_view bytes) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t j = 0; j < 3; ++j)
            group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j)
            out.push_back(i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63]);
    }
    return out;
}

std::string data_uri(std::string_view mime_type, std::string_view bytes) {
    return fmt::format("data:{};base64,{}", mime_type, base64(bytes));
}

std::string mime_type_of(std::string_view extension) {
    if (extension == ".ogg") return "audio/ogg";
    if (extension == ".wav") return "audio/wav";
    if (extension == ".png") return "image/png";
    throw BugError(fmt::format("no MIME type for '{}'", extension));
}

}  // namespace linvox

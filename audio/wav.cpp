// Reading and writing audio files through libsndfile's virtual I/O on whole files in memory, so
// that reading and atomic writing of files stay in one place (src/base/files.h).
#include "audio/wav.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "audio/resample.h"
#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

struct MemoryFile {
    std::string bytes;
    sf_count_t position = 0;
};

MemoryFile& memory(void* user) { return *static_cast<MemoryFile*>(user); }

sf_count_t memory_length(void* user) { return static_cast<sf_count_t>(memory(user).bytes.size()); }

sf_count_t memory_seek(sf_count_t offset, int whence, void* user) {
    const sf_count_t base = whence == SEEK_SET   ? 0
                            : whence == SEEK_CUR ? memory(user).position
                                                 : memory_length(user);
    if (base + offset < 0) return -1;
    return memory(user).position = base + offset;
}

sf_count_t memory_read(void* out, sf_count_t count, void* user) {
    MemoryFile& file = memory(user);
    const sf_count_t n = std::clamp<sf_count_t>(memory_length(user) - file.position, 0, count);
    std::memcpy(out, file.bytes.data() + file.position, static_cast<std::size_t>(n));
    file.position += n;
    return n;
}

sf_count_t memory_write(const void* in, sf_count_t count, void* user) {
    MemoryFile& file = memory(user);
    const auto end = static_cast<std::size_t>(file.position + count);
    if (file.bytes.size() < end) file.bytes.resize(end);
    std::memcpy(file.bytes.data() + file.position, in, static_cast<std::size_t>(count));
    file.position += count;
    return count;
}

sf_count_t memory_tell(void* user) { return memory(user).position; }

struct SndfileCloser {
    void operator()(SNDFILE* file) const { sf_close(file); }
};
using SndfileHandle = std::unique_ptr<SNDFILE, SndfileCloser>;

SndfileHandle open_memory(MemoryFile& file, int mode, SF_INFO& info) {
    SF_VIRTUAL_IO io{memory_length, memory_seek, memory_read, memory_write, memory_tell};
    return SndfileHandle(sf_open_virtual(&io, mode, &info, &file));
}

// A RIFF header promises its size, so a file that was cut short is found; libsndfile plays the rest.
void refuse_truncated_riff(const std::filesystem::path& path, const std::string& bytes) {
    if (bytes.size() < 12 || bytes.compare(0, 4, "RIFF") != 0 || bytes.compare(8, 4, "WAVE") != 0) return;
    const auto u32 = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (int i = 3; i >= 0; --i)
            value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
        return value;
    };
    for (std::size_t at = 12; at + 8 <= bytes.size();) {
        const std::size_t size = u32(at + 4), available = bytes.size() - at - 8;
        // Streamed files carry 0 or 0xFFFFFFFF as the size of their data.
        const bool streamed = size == 0 || size >= 0xFFFFFF00U;
        if (bytes.compare(at, 4, "data") == 0) {
            LINVOX_REQUIRE(
                streamed || size <= available, DataError,
                "{}: truncated: the header promises {} bytes of samples, the file holds {}; copy it again",
                path.string(), size, available);
            return;
        }
        at += 8 + size + size % 2;
    }
}

// The last Ogg page of a whole file ends where the file ends; libsndfile ignores a cut one.
void refuse_truncated_ogg(const std::filesystem::path& path, const std::string& bytes) {
    if (bytes.compare(0, 4, "OggS") != 0) return;
    const std::size_t page = bytes.rfind("OggS");
    const auto byte = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at]));
    };
    bool whole = page + 27 <= bytes.size() && page + 27 + byte(page + 26) <= bytes.size();
    if (whole) {
        const std::size_t segments = byte(page + 26);
        std::size_t end = page + 27 + segments;
        for (std::size_t i = 0; i < segments; ++i) end += byte(page + 27 + i);
        whole = end <= bytes.size();
    }
    LINVOX_REQUIRE(whole, DataError, "{}: truncated: the last Ogg page is cut; copy it again", path.string());
}

std::vector<float> read_frames(SNDFILE* file, const SF_INFO& info, const std::filesystem::path& path) {
    // Read in blocks: the frame count of a header is a promise, not a fact.
    const auto channels = static_cast<std::size_t>(info.channels);
    std::vector<float> block(4096 * channels), mono;
    while (true) {
        const sf_count_t got = sf_readf_float(file, block.data(), 4096);
        if (got <= 0) break;
        for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
            double sum = 0;
            for (std::size_t c = 0; c < channels; ++c) sum += block[i * channels + c];
            mono.push_back(static_cast<float>(sum / static_cast<double>(channels)));
        }
    }
    LINVOX_REQUIRE(sf_error(file) == SF_ERR_NO_ERROR, DataError, "{}: cannot decode: {}", path.string(),
                   sf_strerror(file));
    return mono;
}

}  // namespace

Wave read_wave(const std::filesystem::path& path) {
    MemoryFile file{read_file(path)};
    LINVOX_REQUIRE(!file.bytes.empty(), DataError, "{}: the file is empty; audio was expected",
                   path.string());
    refuse_truncated_riff(path, file.bytes);
    refuse_truncated_ogg(path, file.bytes);
    SF_INFO info{};
    const SndfileHandle handle = open_memory(file, SFM_READ, info);
    LINVOX_REQUIRE(handle != nullptr, DataError,
                   "{}: not an audio file that libsndfile can read ({}); convert it to WAV, FLAC or Opus",
                   path.string(), sf_strerror(nullptr));
    LINVOX_REQUIRE(info.channels >= 1 && info.samplerate >= 1, DataError, "{}: {} channels at {} Hz",
                   path.string(), info.channels, info.samplerate);
    Wave wave{read_frames(handle.get(), info, path), info.samplerate};
    LINVOX_REQUIRE(!wave.samples.empty(), DataError, "{}: no samples", path.string());
    // Ogg streams know their length from the last page; a cut file ends before it.
    LINVOX_REQUIRE(info.frames <= 0 || info.frames == SF_COUNT_MAX ||
                       wave.samples.size() >= static_cast<std::size_t>(info.frames),
                   DataError, "{}: truncated: {} frames promised, {} decoded; copy it again", path.string(),
                   info.frames, wave.samples.size());
    const auto bad =
        std::find_if(wave.samples.begin(), wave.samples.end(), [](float x) { return !std::isfinite(x); });
    LINVOX_REQUIRE(bad == wave.samples.end(), DataError,
                   "{}: sample {} is not a finite number; write the file again", path.string(),
                   bad - wave.samples.begin());
    return wave;
}

Wave read_wave(const std::filesystem::path& path, int sample_rate_hz) {
    Wave wave = read_wave(path);
    if (wave.sample_rate_hz != sample_rate_hz) {
        wave.samples = resample(wave.samples, wave.sample_rate_hz, sample_rate_hz);
        wave.sample_rate_hz = sample_rate_hz;
    }
    return wave;
}

void write_wave(const std::filesystem::path& path, std::span<const float> samples, int sample_rate_hz) {
    std::vector<std::int16_t> pcm(samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i) {
        LINVOX_ASSERT(std::isfinite(samples[i]), "sample {} of {} is not finite", i, path.string());
        const float scaled = std::nearbyint(std::clamp(samples[i], -1.0F, 1.0F) * 32768.0F);
        pcm[i] = static_cast<std::int16_t>(std::min(scaled, 32767.0F));
    }
    MemoryFile file;
    SF_INFO info{};
    info.channels = 1;
    info.samplerate = sample_rate_hz;
    info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
    {
        const SndfileHandle handle = open_memory(file, SFM_WRITE, info);
        LINVOX_ASSERT(handle != nullptr, "libsndfile: {}", sf_strerror(nullptr));
        const auto count = static_cast<sf_count_t>(pcm.size());
        LINVOX_ASSERT(sf_writef_short(handle.get(), pcm.data(), count) == count, "libsndfile: {}",
                      sf_strerror(handle.get()));
    }
    write_file_atomic(path, file.bytes);
}

}  // namespace linvox

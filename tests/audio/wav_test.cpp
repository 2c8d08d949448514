#include "audio/wav.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sndfile.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::filesystem::path temporary(const std::string& name) {
    return std::filesystem::path(testing::TempDir()) / ("wav_test_" + name);
}

std::filesystem::path sample(const std::string& name) {
    return std::filesystem::path(LINVOX_SOURCE_DIR) / "samples/prompts-en/audio" / name;
}

void write_float_wave(const std::filesystem::path& path, const std::vector<float>& frames, int channels) {
    SF_INFO info{};
    info.channels = channels;
    info.samplerate = 16000;
    info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
    SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
    ASSERT_NE(file, nullptr);
    sf_writef_float(file, frames.data(), static_cast<sf_count_t>(frames.size()) / channels);
    sf_close(file);
}

void expect_data_error(const std::filesystem::path& path, const std::string& reason) {
    EXPECT_THAT([&] { read_wave(path); }, ThrowsMessage<DataError>(HasSubstr(path.filename().string())));
    EXPECT_THAT([&] { read_wave(path); }, ThrowsMessage<DataError>(HasSubstr(reason)));
}

TEST(Wave, SixteenBitsSurviveTheRoundTrip) {
    std::vector<float> x{0, 1.0F / 32768, -1.0F / 32768, 0.5F, -1, 32767.0F / 32768};
    write_wave(temporary("round.wav"), x, 22050);
    const Wave wave = read_wave(temporary("round.wav"));
    EXPECT_EQ(wave.samples, x);
    EXPECT_EQ(wave.sample_rate_hz, 22050);
    EXPECT_DOUBLE_EQ(wave.duration_s(), 6.0 / 22050);
}

TEST(Wave, ClipsAndRoundsOnWriting) {
    write_wave(temporary("clip.wav"), std::vector<float>{2, -2, 1.4F / 32768, 1.6F / 32768}, 16000);
    EXPECT_THAT(read_wave(temporary("clip.wav")).samples,
                testing::ElementsAre(32767.0F / 32768, -1, 1.0F / 32768, 2.0F / 32768));
    EXPECT_THROW(write_wave(temporary("never.wav"), std::vector<float>{std::nanf("")}, 16000), BugError);
    EXPECT_FALSE(std::filesystem::exists(temporary("never.wav")));
}

TEST(Wave, AveragesChannels) {
    write_float_wave(temporary("stereo.wav"), {1, 0, 0.25F, -0.75F, 0.5F, 0.5F}, 2);
    EXPECT_THAT(read_wave(temporary("stereo.wav")).samples, testing::ElementsAre(0.5F, -0.25F, 0.5F));
}

TEST(Wave, ReadsOpusAndResamples) {
    const Wave wave = read_wave(sample("activated.opus"));
    EXPECT_EQ(wave.sample_rate_hz, 16000);
    EXPECT_EQ(wave.samples.size(), 17024U);
    const Wave half = read_wave(sample("activated.opus"), 8000);
    EXPECT_EQ(half.sample_rate_hz, 8000);
    EXPECT_EQ(half.samples.size(), 8512U);
}

TEST(Wave, RefusesWhatIsNotWholeAudio) {
    expect_data_error(temporary("missing.wav"), "");
    write_file_atomic(temporary("empty.wav"), "");
    expect_data_error(temporary("empty.wav"), "empty");
    write_file_atomic(temporary("text.wav"), "this is not audio, however long it may be");
    expect_data_error(temporary("text.wav"), "not an audio file");

    write_wave(temporary("whole.wav"), std::vector<float>(4000, 0.1F), 16000);
    const std::string wav = read_file(temporary("whole.wav"));
    write_file_atomic(temporary("cut.wav"), wav.substr(0, wav.size() / 2));
    expect_data_error(temporary("cut.wav"), "truncated");
    write_file_atomic(temporary("header.wav"), wav.substr(0, 44));
    expect_data_error(temporary("header.wav"), "truncated");

    const std::string opus = read_file(sample("activated.opus"));
    for (const double share : {0.5, 0.9, 0.999}) {
        const auto size = static_cast<std::size_t>(static_cast<double>(opus.size()) * share);
        write_file_atomic(temporary("cut.opus"), opus.substr(0, size));
        expect_data_error(temporary("cut.opus"), "");
    }

    write_wave(temporary("none.wav"), {}, 16000);
    expect_data_error(temporary("none.wav"), "no samples");
    write_float_wave(temporary("nan.wav"), {0, 0.5F, std::numeric_limits<float>::quiet_NaN()}, 1);
    expect_data_error(temporary("nan.wav"), "sample 2 is not a finite number");
    write_float_wave(temporary("inf.wav"), {std::numeric_limits<float>::infinity()}, 1);
    expect_data_error(temporary("inf.wav"), "sample 0 is not a finite number");
}

}  // namespace
}  // namespace linvox

#include "audio/pitch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "audio/wav.h"
#include "tests/audio/synthetic_voice.h"

namespace linvox {
namespace {

// Praat 6.1.38 through praat-parselmouth 0.4.7, to_pitch_ac(0.005, 60, 15, pitch_ceiling=500):
// python tests/eval/oracle.py
TEST(Pitch, AgreesWithPraatOnAVoice) {
    const PitchTrack track = find_pitch(synthetic_voice({}), 16000);
    ASSERT_EQ(track.f0_hz.size(), 311U);
    EXPECT_NEAR(track.first_time_s, 0.025, 1e-12);
    EXPECT_EQ(std::count_if(track.f0_hz.begin(), track.f0_hz.end(), [](float f) { return f > 0; }), 153);
    EXPECT_NEAR(std::accumulate(track.f0_hz.begin(), track.f0_hz.end(), 0.0), 19246.7915432, 0.02);
    const double every_20th[] = {124.799592273, 139.3997034,   0, 0, 139.76055928,  125.26755631,  0, 0,
                                 90.0380222742, 93.9160994857, 0, 0, 138.463089403, 148.007417881, 0, 0};
    for (std::size_t i = 0; i < std::size(every_20th); ++i)
        EXPECT_NEAR(track.f0_hz[20 * i], every_20th[i], 1e-3) << "frame " << 20 * i;
}

// The same program on samples/prompts-en/audio/activated.opus: 203 frames, first at 0.027 s.
TEST(Pitch, AgreesWithPraatOnARecording) {
    const Wave wave = read_wave(LINVOX_SOURCE_DIR "/samples/prompts-en/audio/activated.opus");
    const PitchTrack track = find_pitch(wave.samples, wave.sample_rate_hz);
    ASSERT_EQ(track.f0_hz.size(), 203U);
    EXPECT_NEAR(track.first_time_s, 0.027, 1e-12);
    EXPECT_EQ(std::count_if(track.f0_hz.begin(), track.f0_hz.end(), [](float f) { return f > 0; }), 159);
    EXPECT_NEAR(std::accumulate(track.f0_hz.begin(), track.f0_hz.end(), 0.0), 28598.871524, 0.5);
}

TEST(Pitch, FindsTheFundamentalOfTones) {
    for (const double hz : {75.0, 110.0, 220.0, 440.0}) {
        std::vector<float> x;
        for (int i = 0; i < 8000; ++i)
            x.push_back(static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * hz * i / 16000) +
                                           0.3 * std::sin(4 * std::numbers::pi * hz * i / 16000)));
        for (float f : find_pitch(x, 16000).f0_hz) EXPECT_NEAR(f, hz, 0.01 * hz);
    }
}

TEST(Pitch, NoiseAndSilenceAreUnvoiced) {
    std::uint32_t state = 5;
    std::vector<float> noise;
    for (int i = 0; i < 16000; ++i) noise.push_back(static_cast<float>(0.1 * next_noise(state)));
    std::size_t voiced = 0;
    for (float f : find_pitch(noise, 16000).f0_hz) voiced += f > 0;
    EXPECT_LE(voiced, 4U);
    for (float f : find_pitch(std::vector<float>(16000), 16000).f0_hz) EXPECT_EQ(f, 0);
}

TEST(Pitch, NeedsOneWindow) {
    EXPECT_TRUE(find_pitch(std::vector<float>(799, 0.1F), 16000).f0_hz.empty());
    EXPECT_EQ(find_pitch(std::vector<float>(801, 0.1F), 16000).f0_hz.size(), 1U);
    EXPECT_TRUE(find_pitch({}, 16000).f0_hz.empty());
}

TEST(PitchAt, TakesTheNearestFrame) {
    const PitchTrack track{0.1, 0.01, {100, 200, 0, 400}};
    EXPECT_EQ(pitch_at(track, 0.1), 100);
    EXPECT_EQ(pitch_at(track, 0.1049), 100);
    EXPECT_EQ(pitch_at(track, 0.1051), 200);
    EXPECT_EQ(pitch_at(track, 0.0951), 100);
    EXPECT_EQ(pitch_at(track, 0.0949), 0);  // before the track
    EXPECT_EQ(pitch_at(track, 0.1349), 400);
    EXPECT_EQ(pitch_at(track, 0.1351), 0);
    EXPECT_EQ(pitch_at({}, 0), 0);
}

}  // namespace
}  // namespace linvox

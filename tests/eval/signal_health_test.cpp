#include "eval/signal_health.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/resample.h"
#include "tests/eval/voices.h"

namespace linvox {
namespace {

std::vector<float> noise(std::size_t samples, double gain) {
    std::uint32_t state = 11;
    std::vector<float> x;
    for (std::size_t i = 0; i < samples; ++i) x.push_back(static_cast<float>(gain * next_noise(state)));
    return x;
}

TEST(Clipping, CountsRunsAndFlatTops) {
    EXPECT_DOUBLE_EQ(*clipping_percent(std::vector<float>{0, 1, 1, 0.9995F, 0, 0, 0, 0, 0, 0}), 30);
    EXPECT_DOUBLE_EQ(*clipping_percent(std::vector<float>{0, 1, 1, 0, 1, 1, 0, 0, 0, 0}), 0);  // runs of two
    // Clipped before it was turned down: flat tops at the largest and the smallest value.
    EXPECT_DOUBLE_EQ(
        *clipping_percent(std::vector<float>{0.5F, 0.5F, 0.5F, 0, -0.4F, -0.4F, -0.4F, -0.4F, 0, 0.1F}), 70);
    EXPECT_DOUBLE_EQ(*clipping_percent(std::vector<float>{0.5F, 0.3F, 0.3F, 0.3F, 0}), 0);
    EXPECT_DOUBLE_EQ(*clipping_percent(std::vector<float>(100)), 0);
    EXPECT_EQ(clipping_percent({}).reason, kTooShort);
}

TEST(DcOffset, IsTheMean) {
    EXPECT_NEAR(*dc_offset(std::vector<float>{0.5F, -0.25F, 0.125F, 0.125F}), 0.125, 1e-12);
    EXPECT_EQ(dc_offset({}).reason, kTooShort);
}

// 2 s: sound in [0.4, 0.8), [0.9, 1.2), [1.5, 1.7); exact zeros elsewhere.
std::vector<float> phrases() {
    std::vector<float> x = noise(32000, 0.3);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double t = static_cast<double>(i) / 16000;
        if (!((t >= 0.4 && t < 0.8) || (t >= 0.9 && t < 1.2) || (t >= 1.5 && t < 1.7))) x[i] = 0;
    }
    return x;
}

TEST(Silence, MeasuresBothEnds) {
    const std::vector<float> x = phrases();
    const Outcome<Silence> s = silence(x, 16000, find_activity(x, 16000));
    ASSERT_TRUE(s);
    EXPECT_NEAR(s->head_s, 0.38, 0.011);  // frames of 25 ms reach over the edges
    EXPECT_NEAR(s->tail_s, 0.28, 0.011);
    EXPECT_NEAR(s->longest_zeros_s, 0.4, 1e-4);
    EXPECT_NEAR(s->percent, 100 * (0.39 + 0.28 + 0.28) / 1.985, 2);
}

TEST(Silence, OfASilentFile) {
    const std::vector<float> x(8000);
    const Activity activity = find_activity(x, 16000);
    EXPECT_EQ(silence(x, 16000, activity)->percent, 100);
    EXPECT_EQ(silence(x, 16000, activity)->head_s, 0.5);
    EXPECT_EQ(silence(x, 16000, activity)->tail_s, 0);
    EXPECT_EQ(silence({}, 16000, find_activity({}, 16000)).reason, kTooShort);
    EXPECT_EQ(pauses(x, 16000, activity).reason, kSilent);
    EXPECT_EQ(pauses(std::span(x).first(7999), 16000, activity).reason, kTooShort);
}

TEST(Pauses, StartAt200Milliseconds) {
    const std::vector<float> x = phrases();
    const Outcome<Pauses> p = pauses(x, 16000, find_activity(x, 16000));
    ASSERT_TRUE(p);
    EXPECT_EQ(p->count, 1U);  // 0.3 s; the gap of 0.1 s is closed
    EXPECT_NEAR(p->total_s, 0.28, 0.011);
    EXPECT_DOUBLE_EQ(p->longest_s, p->total_s);
}

TEST(Bandwidth, FindsTheCutOff) {
    const std::vector<float> wide = noise(48000, 0.3);
    EXPECT_NEAR(*bandwidth_hz(wide, 16000), 8000, 60);
    // Through 8 kHz and back: nothing above 4 kHz.
    const std::vector<float> narrow = resample(resample(wide, 16000, 8000), 8000, 16000);
    EXPECT_NEAR(*bandwidth_hz(narrow, 16000), 4000, 150);
    // A noise floor 60 dB down does not count, one 40 dB down does.
    std::vector<float> faint = narrow, audible = narrow;
    for (std::size_t i = 0; i < narrow.size(); ++i) {
        faint[i] += 0.001F * wide[i];
        audible[i] += 0.01F * wide[i];
    }
    EXPECT_NEAR(*bandwidth_hz(faint, 16000), 4000, 150);
    EXPECT_NEAR(*bandwidth_hz(audible, 16000), 8000, 60);
    EXPECT_EQ(bandwidth_hz(std::vector<float>(16000), 16000).reason, kSilent);
    EXPECT_EQ(bandwidth_hz(std::span(wide).first(15999), 16000).reason, kTooShort);
}

TEST(Clicks, AreFoundAndCounted) {
    std::vector<float> x = first_voice();  // 1.6 s
    EXPECT_LE(*clicks_per_s(x, 16000), 2.5);
    const double before = *clicks_per_s(x, 16000);
    for (int c = 0; c < 10; ++c) x[static_cast<std::size_t>(2000 + 2300 * c)] += 0.3F;
    // Two fall on the loudest vowels, whose residual hides them.
    EXPECT_NEAR(*clicks_per_s(x, 16000) - before, 8 / 1.6, 1e-9);
    EXPECT_EQ(*clicks_per_s(std::vector<float>(16000), 16000), 0);
    EXPECT_EQ(clicks_per_s(std::vector<float>(7999), 16000).reason, kTooShort);
}

TEST(SpeakingRate, WithAndWithoutPauses) {
    const std::vector<float> x = phrases();
    const Activity activity = find_activity(x, 16000);
    const Pauses p = *pauses(x, 16000, activity);
    const Outcome<SpeakingRate> rate = speaking_rate(12, activity, p);
    EXPECT_NEAR(rate->speech, 12 / activity.active_span_s(), 1e-12);
    EXPECT_NEAR(rate->articulation, 12 / (activity.active_span_s() - p.total_s), 1e-12);
    EXPECT_EQ(speaking_rate(0, activity, p).reason, kTooShort);
    EXPECT_EQ(speaking_rate(3, find_activity(std::vector<float>(8000), 16000), {}).reason, kSilent);
}

}  // namespace
}  // namespace linvox

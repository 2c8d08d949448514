#include "eval/pitch_metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/eval/voices.h"

namespace linvox {
namespace {

PitchTrack track(std::vector<float> f0) { return {0.025, 0.005, std::move(f0)}; }

TEST(AlignPitch, SyncTakesTheNearestFrame) {
    const PitchTrack reference{0.02, 0.01, {100, 110, 120}}, test{0.023, 0.01, {1, 2}};
    const PitchPair pair = align_pitch_sync(reference, test);
    EXPECT_EQ(pair.reference_hz, (std::vector<double>{100, 110, 120}));
    EXPECT_EQ(pair.test_hz, (std::vector<double>{1, 2, 0}));  // 0.04 s is outside the test
}

TEST(AlignPitch, DtwUndoesATimeShift) {
    // The same voice, 0.2 s later: synchronous comparison fails, the aligned one does not.
    const std::vector<float> x = first_voice();
    std::vector<float> late(3200);
    late.insert(late.end(), x.begin(), x.end());
    const PitchTrack a = find_pitch(x, 16000), b = find_pitch(late, 16000);
    const MelCepstra ca = *mel_cepstra(x, 16000), cb = *mel_cepstra(late, 16000);
    const PitchComparison synchronous = compare_pitch(align_pitch_sync(a, b));
    const PitchComparison aligned = compare_pitch(*align_pitch_dtw(a, b, ca, cb));
    EXPECT_GT(*synchronous.vde_percent, 20);
    EXPECT_LT(*aligned.vde_percent, 3);
    EXPECT_LT(*aligned.ln_rmse, 0.005);
    EXPECT_GT(*aligned.correlation, 0.999);
    EXPECT_EQ(align_pitch_dtw(a, b, ca, MelCepstra{}).reason, kTooShort);
    const MelCepstra huge{.frames = 200000, .dim = 25};
    EXPECT_EQ(align_pitch_dtw(a, b, huge, huge).reason, kTooLong);
}

TEST(ComparePitch, CountsByHand) {
    // 12 joint frames: ten exact, one 21 % off (gross), one 20 % off (not gross); 2 voicing errors.
    PitchPair pair;
    for (int i = 0; i < 10; ++i) {
        pair.reference_hz.push_back(100 + i);
        pair.test_hz.push_back(100 + i);
    }
    pair.reference_hz.insert(pair.reference_hz.end(), {100, 100, 100, 0, 0, 0});
    pair.test_hz.insert(pair.test_hz.end(), {121, 120, 0, 100, 0, 0});
    const PitchComparison c = compare_pitch(pair);
    EXPECT_EQ(c.frames, 16U);
    EXPECT_EQ(c.voiced_both, 12U);
    EXPECT_EQ(c.gross, 1U);
    EXPECT_EQ(c.voicing_errors, 2U);
    EXPECT_NEAR(*c.gpe_percent, 100.0 / 12, 1e-12);
    EXPECT_NEAR(*c.vde_percent, 200.0 / 16, 1e-12);
    EXPECT_NEAR(*c.ffe_percent, 300.0 / 16, 1e-12);
    const double rmse = std::sqrt((std::pow(std::log(1.21), 2) + std::pow(std::log(1.2), 2)) / 12);
    EXPECT_NEAR(*c.ln_rmse, rmse, 1e-12);
    EXPECT_NEAR(*c.cent_rmse, 1200 / std::log(2) * rmse, 1e-9);
    // 12 of 13 reference frames found, 12 of 13 test frames right.
    EXPECT_NEAR(c.vuv_f1->precision, 12.0 / 13, 1e-12);
    EXPECT_NEAR(c.vuv_f1->recall, 12.0 / 13, 1e-12);
    EXPECT_NEAR(c.vuv_f1->f1, 24.0 / 26, 1e-12);
}

TEST(ComparePitch, CorrelatesLogarithms) {
    PitchPair pair;
    for (int i = 0; i < 20; ++i) {
        pair.reference_hz.push_back(100 * std::exp2(i / 12.0));
        pair.test_hz.push_back(200 * std::exp2(-i / 24.0));
    }
    EXPECT_NEAR(*compare_pitch(pair).correlation, -1, 1e-12);
    pair.test_hz.assign(20, 130);
    EXPECT_EQ(compare_pitch(pair).correlation.reason, kNotApplicable);
}

TEST(ComparePitch, SaysWhyNot) {
    EXPECT_EQ(compare_pitch({}).vde_percent.reason, kTooShort);
    PitchPair pair{std::vector<double>(9, 100), std::vector<double>(9, 100)};
    pair.reference_hz.push_back(0), pair.test_hz.push_back(0);
    const PitchComparison few = compare_pitch(pair);
    for (const auto& value : {few.ln_rmse, few.cent_rmse, few.correlation, few.gpe_percent})
        EXPECT_EQ(value.reason, kNoVoiced);
    EXPECT_EQ(*few.vde_percent, 0);
    const PitchComparison whisper = compare_pitch({std::vector<double>(50), std::vector<double>(50)});
    EXPECT_EQ(whisper.vuv_f1.reason, kNoVoiced);
    EXPECT_EQ(*whisper.vde_percent, 0);
    // Voiced on one side only: every reference frame is missed, and that is a number.
    const PitchComparison lost = compare_pitch({std::vector<double>(50, 100), std::vector<double>(50)});
    EXPECT_EQ(lost.vuv_f1->f1, 0);
    EXPECT_EQ(*lost.vde_percent, 100);
}

// numpy 2.4.6 on Praat's track of the same voice: python tests/eval/oracle.py
TEST(PitchStats, AgreeWithNumpy) {
    const Outcome<PitchStats> stats = pitch_stats(find_pitch(first_voice(), 16000));
    ASSERT_TRUE(stats);
    EXPECT_NEAR(stats->voiced_ratio, 0.491961414791, 1e-9);
    EXPECT_NEAR(stats->median_hz, 133.925039509, 1e-3);
    EXPECT_NEAR(stats->sd_semitones, 3.10772460166, 1e-4);
    EXPECT_NEAR(stats->range_semitones, 8.72502155597, 1e-3);
    EXPECT_EQ(stats->jumps_per_s, 0);
}

TEST(PitchStats, CountJumpsBetweenVoicedNeighbours) {
    std::vector<float> f0(100, 100);
    f0[20] = 145;              // up and down: 6.4 semitones, two jumps
    f0[40] = 0, f0[41] = 200;  // after a gap: only the way back counts
    EXPECT_NEAR(pitch_stats(track(f0))->jumps_per_s, 3 / 0.5, 1e-9);
    EXPECT_EQ(pitch_stats(track({})).reason, kTooShort);
    EXPECT_EQ(pitch_stats(track(std::vector<float>(100))).reason, kNoVoiced);
}

}  // namespace
}  // namespace linvox

#include "eval/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "eval/mcd.h"
#include "eval/utterance.h"
#include "src/base/error.h"

namespace linvox {
namespace {

using testing::HasSubstr;

MetricValue score(const char* id, const Utterance& u) { return score_metric(find_metric(id), u); }

std::shared_ptr<const Recording> clip(const char* name) {
    return std::make_shared<const Recording>(
        std::filesystem::path(LINVOX_SOURCE_DIR "/samples/prompts-en/audio") / name);
}

/// The same words 10 % slower and quieter by half, by plain interpolation.
Wave slowed(const Wave& wave) {
    Wave slow{{}, wave.sample_rate_hz};
    for (double place = 0; place + 1 < static_cast<double>(wave.samples.size()); place += 1 / 1.1) {
        const auto i = static_cast<std::size_t>(place);
        const auto part = static_cast<float>(place - static_cast<double>(i));
        slow.samples.push_back(0.5f * ((1 - part) * wave.samples[i] + part * wave.samples[i + 1]));
    }
    return slow;
}

TEST(MetricTable, EveryRowIsComplete) {
    std::set<std::string> ids;
    for (const Metric& row : metrics()) {
        EXPECT_TRUE(ids.insert(std::string(row.id)).second) << row.id;
        EXPECT_FALSE(row.label.empty()) << row.id;
        EXPECT_GE(row.doc.size(), 10u) << row.id;
        EXPECT_NE(row.needs, 0u) << row.id;
        EXPECT_NE(row.score, nullptr) << row.id;
    }
    std::set<MetricValue (*)(const Utterance&)> functions;
    for (const Metric& row : metrics())
        EXPECT_TRUE(functions.insert(row.score).second) << row.id << " shares a function";
    EXPECT_EQ(find_metrics(headline_tts_metrics()).size(), 10u);
}

TEST(MetricTable, UnknownIdsAreNamedTogether) {
    const std::vector<std::string> ids{"wer.linvox", "mcd.linvix", "nothing"};
    try {
        find_metrics(ids);
        FAIL();
    } catch (const UserError& error) {
        EXPECT_THAT(error.what(), HasSubstr("'mcd.linvix' (did you mean 'mcd.linvox'?)"));
        EXPECT_THAT(error.what(), HasSubstr("'nothing'"));
    }
}

TEST(MetricValues, NullsKeepTheirReason) {
    EXPECT_EQ(metric_value(std::nan(""), 1).reason, "non_finite");
    EXPECT_EQ(metric_value(std::numeric_limits<double>::infinity(), 1).reason, "non_finite");
    EXPECT_EQ(metric_value(1, 0).reason, "too_few");
    EXPECT_TRUE(metric_null("silent").failed());
    EXPECT_FALSE(metric_null("not_applicable").failed());
    EXPECT_THROW(metric_null("because"), BugError);
    EXPECT_DOUBLE_EQ(metric_value(3, 4).value(), 0.75);
}

TEST(MetricRows, ErrorRates) {
    Utterance u;
    u.text = "Please enter your Agent number now!";
    u.transcript = "please your agent a number later";
    const MetricValue wer = score("wer.linvox", u);  // 1 deletion, 1 substitution, 1 insertion; 6 words
    EXPECT_DOUBLE_EQ(wer.value(), 50);
    EXPECT_EQ(wer.extra.at("deletions"), 1);
    EXPECT_EQ(wer.extra.at("substitutions"), 1);
    EXPECT_EQ(wer.extra.at("insertions"), 1);
    EXPECT_DOUBLE_EQ(score("cer.linvox", u).count, 29);  // pleaseenteryouragentnumbernow
    u.transcript = "";
    EXPECT_DOUBLE_EQ(score("wer.linvox", u).value(), 100);  // an empty transcript is all errors
    u.transcript.reset();
    EXPECT_EQ(score("wer.linvox", u).reason, "missing_file");
    u.transcript_reason = "timeout";
    EXPECT_EQ(score("wer.linvox", u).reason, "timeout");
    u.text = "";
    u.transcript = "two words";
    const MetricValue heard = score("wer.linvox", u);  // no item value; the insertions enter the corpus
    EXPECT_EQ(heard.reason, "ref_empty");
    EXPECT_EQ(heard.sum, 200);
    EXPECT_EQ(heard.count, 0);
}

TEST(MetricRows, Tokens) {
    Utterance u;
    EXPECT_EQ(score("tok.finish", u).reason, "not_applicable");
    u.tokens = AnswerTokens{{7, 7, 7, 1, 2, 1, 2, 1, 2, 9}, "stop", 50, 16, {9},
                            {7, 7, 7, 1, 2, 1, 2, 1, 2, 8}, 5,      4.0};
    EXPECT_EQ(score("tok.finish", u).value(), 1);
    EXPECT_DOUBLE_EQ(score("tok.run", u).value(), 3.0 / 50);
    // 7 7 7: period 1, stretch 2, 3 copies; 1 2 1 2 1 2: period 2, stretch 4, 3 copies.
    EXPECT_EQ(score("tok.loop", u).value(), 3);
    EXPECT_EQ(score("tok.loop", u).extra.at("period"), 1);
    EXPECT_DOUBLE_EQ(score("tok.rate", u).value(), 10.0 / 5 / 4);
    EXPECT_DOUBLE_EQ(score("tok.distinct1", u).value(), 0.4);
    EXPECT_DOUBLE_EQ(score("tok.rep10", u).value(), 60);
    EXPECT_DOUBLE_EQ(score("tok.silence", u).value(), 10);
    EXPECT_DOUBLE_EQ(score("tok.edit", u).value(), 0.1);
    u.tokens->finish = "length";
    EXPECT_EQ(score("tok.finish", u).value(), 0);
    u.tokens->finish = "stop";
    u.tokens->codes.resize(3);
    EXPECT_EQ(score("tok.finish", u).value(), 0);  // shorter than 4 frames
    u.tokens->codes.clear();
    EXPECT_EQ(score("tok.finish", u).value(), 0);
    EXPECT_EQ(score("tok.run", u).reason, "too_short");
}

TEST(MetricRows, AgainstARecording) {
    Utterance u;
    u.reference = clip("vm-newpassword.opus");
    u.audio = std::make_shared<const Recording>(slowed(*u.reference->wave()));
    EXPECT_NEAR(score("duration.ratio", u).value(), 1.1, 1e-3);
    const int rate = u.audio->wave()->sample_rate_hz;
    const auto expected = mcd_linvox(*mel_cepstra(u.reference->wave()->samples, rate),
                                     *mel_cepstra(u.audio->wave()->samples, rate));
    EXPECT_DOUBLE_EQ(score("mcd.linvox", u).value(), expected->mcd_db);
    // Everything is lower by the factor 1.1: ln 1.1 = 0.0953.
    EXPECT_NEAR(score("f0.lnrmse.dtw", u).value(), std::log(1.1), 0.03);
    EXPECT_NEAR(score("f0.centrmse.dtw", u).value(), score("f0.lnrmse.dtw", u).value() * 1200 / std::log(2.0),
                1e-9);
    EXPECT_LT(score("f0.vde.dtw", u).value(), 10);
    EXPECT_EQ(score("stoi", u).reason, "not_applicable");  // not synchronous
    u.synchronous = true;
    EXPECT_EQ(score("stoi", u).reason, "length_mismatch");
    u.audio = u.reference;
    EXPECT_EQ(score("mcd.linvox", u).reason, "not_applicable");  // a recording has no distance to itself
    EXPECT_TRUE(score("silence", u).valid());
}

TEST(MetricRows, BadAudioIsNullWithAReason) {
    Utterance u;
    u.reference = clip("vm-newpassword.opus");
    EXPECT_EQ(score("mcd.linvox", u).reason, "missing_file");
    u.audio = std::make_shared<const Recording>(std::filesystem::path("/nowhere/at-all.wav"));
    EXPECT_EQ(score("mcd.linvox", u).reason, "missing_file");
    u.audio = std::make_shared<const Recording>(
        std::filesystem::path(LINVOX_SOURCE_DIR "/README.md").parent_path() / "CMakeLists.txt");
    EXPECT_EQ(score("loudness", u).reason, "decode_error");
    u.audio = std::make_shared<const Recording>(Wave{std::vector<float>(16000, 0.0f), 16000});
    EXPECT_EQ(score("mcd.linvox", u).reason, "silent");
    EXPECT_EQ(score("loudness", u).reason, "silent");
    EXPECT_EQ(score("silence", u).value(), 100);
    u.audio = std::make_shared<const Recording>(Wave{std::vector<float>(20, 0.1f), 16000});
    EXPECT_EQ(score("mcd.linvox", u).reason, "too_short");
}

TEST(Evaluate, DoesNotDependOnThreadsAndKeepsEveryUtterance) {
    std::vector<Utterance> utterances;
    for (const char* name : {"vm-newpassword.opus", "vm-goodbye.opus", "hello.opus"}) {
        const auto reference = clip(name);
        const auto slow = std::make_shared<const Recording>(slowed(*reference->wave()));
        utterances.push_back({.id = name, .system = "a", .audio = slow, .reference = reference});
        utterances.push_back({.id = name, .system = "b", .reference = reference});
    }
    const std::vector<std::string> ids{"mcd.linvox", "duration.ratio", "silence"};
    const auto rows = find_metrics(ids);
    const auto one = evaluate(utterances, rows, 1), three = evaluate(utterances, rows, 3);
    ASSERT_EQ(one.size(), 6u);
    for (std::size_t i = 0; i < one.size(); ++i)
        for (std::size_t m = 0; m < rows.size(); ++m) {
            EXPECT_EQ(one[i][m].sum, three[i][m].sum);
            EXPECT_EQ(one[i][m].reason, i % 2 == 0 ? "" : "missing_file");
        }
}

}  // namespace
}  // namespace linvox

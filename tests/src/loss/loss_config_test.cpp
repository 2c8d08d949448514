#include "src/loss/loss_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "src/base/error.h"
#include "src/config/config_io.h"
#include "src/loss/loss_table.h"
#include "tests/src/loss/pairs.h"

namespace linvox {
namespace {

using enum LossOption;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

LossConfig read(const std::string& toml, const std::vector<std::string>& overrides = {}) {
    const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "loss_config_test.toml";
    std::ofstream(path) << toml;
    LossConfig config;
    read_config({.file = path, .overrides = overrides}, [&](ConfigVisitor& v) { config.visit(v); });
    return config;
}

std::string written(LossConfig config) {
    return config_to_toml([&](ConfigVisitor& v) { config.visit(v); });
}

TEST(LossConfig, DefaultsFollowTheKind) {
    EXPECT_EQ(resolve_loss(read("kind = \"sigmoid\"")).front()[beta], 0.1);
    EXPECT_EQ(resolve_loss(read("kind = \"sppo_hard\"")).front()[beta], 0.001);
    EXPECT_EQ(resolve_loss(read("")).front()[r2], 0.2);
    EXPECT_EQ(resolve_loss(read("beta = 0.3\nkind = \"ipo\"")).front()[beta], 0.3);
    EXPECT_EQ(resolve_loss(read("kind = \"ipo\"")).front().normalise, Normalise::mean);
    EXPECT_EQ(resolve_loss(read("kind = \"ipo\"\nnormalise = \"sum\"")).front().normalise, Normalise::sum);
    EXPECT_EQ(resolve_loss(read("kind = \"lpo-ste\"", {"r2=0.8"})).front()[r2], 0.8);
}

TEST(LossConfig, ReadsAMix) {
    const LossConfig config = read(
        "kind = \"sigmoid\"\nweight = 0.8\n[[mix]]\nkind = \"bco_pair\"\nweight = 0.2\nbeta = "
        "0.05\n[[mix]]\nkind = \"sft\"\n");
    const std::vector<ResolvedTerm> terms = resolve_loss(config);
    ASSERT_EQ(terms.size(), 3u);
    EXPECT_EQ(terms[1][beta], 0.05);
    EXPECT_EQ(terms[1].weight, 0.2);
    EXPECT_EQ(terms[2].row->name, "sft");
}

TEST(LossConfig, PrintsTheValuesUsedAndReadsThemBack) {
    for (const std::string& kind : loss_kinds()) {
        const bool needs_r2 = kind == "lpo-sweep" || kind == "lpo-asr";
        const LossConfig config = needs_r2 ? loss_of(kind, {{r2, 0.7}}) : loss_of(kind);
        const std::string toml = written(config);
        const LossConfig back = read(toml);
        EXPECT_EQ(written(back), toml) << kind;
        EXPECT_EQ(describe_loss(back), describe_loss(config));
        EXPECT_THAT(check_loss_config(back), IsEmpty()) << kind;
    }
    EXPECT_THAT(written(loss_of("sigmoid")), HasSubstr("beta = 0.1"));
    EXPECT_THAT(written(loss_of("sigmoid")), HasSubstr("r1 = 0"));
    EXPECT_THAT(written(loss_of("lpo-ste")), HasSubstr("r1 = 1"));
}

TEST(LossConfig, EveryOptionHasItsKeyOnce) {
    LossConfig config;
    const std::vector<std::string> keys = config_keys([&](ConfigVisitor& v) { config.visit(v); });
    for (const LossOptionInfo& info : loss_options())
        EXPECT_EQ(std::count(keys.begin(), keys.end(), std::string(info.key)), 1) << info.key;
}

TEST(CheckLossConfig, RefusesWhatALossDoesNotTake) {
    const auto problems = [](const std::string& kind, const Options& options) {
        return check_loss_config(loss_of(kind, options), "align.loss");
    };
    EXPECT_THAT(problems("sigmoid", {{r1, 1}}),
                ElementsAre(HasSubstr(
                    "align.loss.r1 is set, but sigmoid takes beta gamma; r1 belongs to lpo-r lpo-ste")));
    EXPECT_THAT(
        problems("lpo-ste-dynamic", {{r1, 1}, {r2, 2}}),
        ElementsAre(HasSubstr("align.loss.r1 is set, but lpo-ste-dynamic takes its weights from the pair"),
                    HasSubstr("align.loss.r2")));
    EXPECT_THAT(problems("sigmoid", {{label_smoothing, 0.1}}), ElementsAre(HasSubstr("use cdpo, robust")));
    EXPECT_THAT(problems("simpo", {{gamma, 1}}), ElementsAre(HasSubstr("simpo takes beta target_margin")));
    EXPECT_THAT(problems("sft", {{beta, 1}}), ElementsAre(HasSubstr("sft takes no options")));
    EXPECT_THAT(problems("cdpo", {{label_smoothing, 0.5}}),
                ElementsAre(HasSubstr("must lie in [0, 0.499], got 0.5")));
    EXPECT_THAT(problems("lpo-ste", {{beta, 0}, {r1, 0}}),
                ElementsAre(HasSubstr(".beta must"), HasSubstr(".r1 must")));
    EXPECT_THAT(problems("exo_pair", {{label_smoothing, 0}}), ElementsAre(HasSubstr("infinite")));
    EXPECT_THAT(problems("bdpo", {{lambda, 1.5}}), ElementsAre(HasSubstr("share in (0, 1]")));
    EXPECT_THAT(problems("rdpo", {{alpha, -1}}), ElementsAre(HasSubstr("must be 0 or more")));
    EXPECT_THAT(problems("alphapo", {{alpha, -0.25}}), IsEmpty());
    EXPECT_THAT(problems("lpo-sweep", {}), ElementsAre(HasSubstr("align.loss.r2 must be set for lpo-sweep")));
    EXPECT_THAT(problems("sigmiod", {}), ElementsAre(HasSubstr("did you mean 'sigmoid'?")));
}

TEST(CheckLossConfig, RefusesModifiersThatDoNotFit) {
    const auto with_map = [](const std::string& kind) {
        LossConfig config = loss_of(kind);
        config.main.f_divergence = "js";
        return check_loss_config(config);
    };
    for (const char* kind :
         {"aot", "aot_unpaired", "apo_zero", "apo_down", "simpo", "sft", "tdpo1", "alpha_dpo"})
        EXPECT_THAT(with_map(kind), ElementsAre(HasSubstr("loss.f_divergence = 'js' is not defined for")))
            << kind;
    EXPECT_THAT(with_map("sigmoid"), IsEmpty());
    EXPECT_THAT(check_loss_config(loss_of("sigmoid", {{f_alpha, 0.3}})),
                ElementsAre(HasSubstr("f_divergence is 'reverse_kl'")));
    LossConfig scaled = loss_of("sigmoid");
    scaled.main.unit_scale = true;
    EXPECT_THAT(check_loss_config(scaled), ElementsAre(HasSubstr("unit_scale belongs to ipo")));
    LossConfig wpo = loss_of("aot");
    wpo.wpo = true;
    EXPECT_THAT(check_loss_config(wpo), ElementsAre(HasSubstr("wpo cannot weigh aot")));
    LossConfig nothing = loss_of("sigmoid");
    nothing.main.weight = 0;
    EXPECT_THAT(check_loss_config(nothing), ElementsAre(HasSubstr("every weight is 0")));
    LossConfig control = loss_of("sft");
    control.ratio_target = 2;
    EXPECT_THAT(check_loss_config(control), ElementsAre(HasSubstr("needs a loss with a rejected side")));
}

TEST(CheckLossConfig, GivesAllProblemsAtOnce) {
    LossConfig config = loss_of("sigmoid", {{r1, 1}, {r2, 1}, {label_smoothing, 0.2}});
    config.mix = {loss_of("ipoo").main};
    EXPECT_THAT(check_loss_config(config),
                ElementsAre(HasSubstr("loss.r1"), HasSubstr("loss.r2"), HasSubstr("loss.label_smoothing"),
                            HasSubstr("loss.mix[0].kind = 'ipoo' is not a loss; did you mean 'ipo'?")));
    try {
        resolve_loss(config);
        ADD_FAILURE();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("4 problem(s)"));
    }
}

TEST(CheckLossInputs, RefusesWhatTheRunLacks) {
    const auto problems = [](const std::string& kind, const LossInputs& inputs) {
        return check_loss_inputs(loss_of(kind), inputs);
    };
    EXPECT_THAT(problems("sigmoid", {.reference = false}),
                ElementsAre(HasSubstr("sigmoid needs a reference")));
    EXPECT_THAT(problems("simpo", {.reference = false}), IsEmpty());
    EXPECT_THAT(problems("odpo", {}), ElementsAre(HasSubstr("odpo needs a task score of both answers")));
    EXPECT_THAT(problems("odpo", {.task_scores = true}), IsEmpty());
    EXPECT_THAT(problems("tdpo1", {}), ElementsAre(HasSubstr("cached sums cannot give them")));
    EXPECT_THAT(problems("tis_dpo", {}), ElementsAre(HasSubstr("per-token values")));
    EXPECT_THAT(problems("tdpo1", {.reference_is_cached = false}), IsEmpty());
    EXPECT_THAT(problems("aot", {.micro_batches = 2, .ranks = 2}),
                ElementsAre(HasSubstr("one micro-batch"), HasSubstr("one rank")));
    EXPECT_THAT(problems("bco_pair", {.micro_batches = 8, .ranks = 2}), IsEmpty());
    LossConfig ld = loss_of("sigmoid");
    ld.ld_alpha = 0.5;
    EXPECT_THAT(check_loss_inputs(ld, {}), ElementsAre(HasSubstr("ld_alpha below 1 needs per-token values")));
    EXPECT_THAT(check_loss_inputs(ld, {.reference_is_cached = false}), IsEmpty());
    LossConfig wpo = loss_of("sigmoid");
    wpo.wpo = true;
    EXPECT_THAT(check_loss_inputs(wpo, {}), ElementsAre(HasSubstr("wpo weighs pairs by values of single")));
    EXPECT_THAT(check_loss_inputs(wpo, {.reference_is_cached = false}), IsEmpty());
}

TEST(DescribeLoss, PutsTheNormalisationBesideBeta) {
    EXPECT_EQ(describe_loss(loss_of("lpo-published")), "lpo-ste on means: beta 0.2, r1 1, r2 0.2, gamma 10");
    EXPECT_EQ(describe_loss(loss_of("irpo")), "sigmoid on sums: beta 0.1, gamma 0 + sft on means");
}

}  // namespace
}  // namespace linvox

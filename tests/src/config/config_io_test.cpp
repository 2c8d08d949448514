// Recipes in, structs out: every type, every layer, every complaint with its place.
#include "src/config/config_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

struct LossConfig {
    std::string kind = "lpo";
    double beta = 0.1;
    bool operator==(const LossConfig&) const = default;
    void visit(ConfigVisitor& v) {
        v.choice("kind", kind, "which loss", {"dpo", "ipo", "lpo"});
        v.field("beta", beta, "inverse temperature", Range{1e-6, 100.0});
    }
};

struct RunConfig {
    std::string name = "run";
    std::int64_t rounds = 1;
    LossConfig loss;
    bool operator==(const RunConfig&) const = default;
    void visit(ConfigVisitor& v) {
        v.field("name", name, "what to call it");
        v.field("rounds", rounds, "how often", Range{1, 9});
        v.section("loss", loss, "of this run");
    }
};

struct Config {
    bool resume = false;
    std::int64_t steps = 100;
    double rate = 1e-3;
    std::string title = "a \"quoted\"\\ title\n\x01";
    fs::path samples = "samples";
    fs::path nothing;
    std::vector<double> weights = {0.5, 1};
    std::vector<std::int64_t> sizes = {};
    std::vector<std::string> metrics = {"mcd"};
    LossConfig loss;
    std::vector<RunConfig> runs;
    std::vector<LossConfig> defaults = {LossConfig{.kind = "dpo", .beta = 2}};
    bool operator==(const Config&) const = default;
    void visit(ConfigVisitor& v) {
        v.field("resume", resume, "go on");
        v.section("loss", loss, "the loss");
        v.field("steps", steps, "how many", Range{1, 1e6});
        v.field("rate", rate, "learning rate", Range{0});
        v.field("title", title, "free text");
        v.path("samples", samples, "a folder");
        v.path("nothing", nothing, "no folder");
        v.field("weights", weights, "some numbers", Range{0, 1});
        v.field("sizes", sizes, "some integers", Range{0, 10});
        v.field("metrics", metrics, "some names", {"mcd", "wer"});
        v.sections("runs", runs, "the runs");
        v.sections("defaults", defaults, "a list that is not empty by default");
    }
};

VisitFunction visit_of(Config& config) {
    return [&config](ConfigVisitor& v) { config.visit(v); };
}

class ConfigIo : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        folder = fs::path(testing::TempDir()) / ("linvox_config_" + std::string(test->name()));
        fs::remove_all(folder);
        fs::create_directories(folder);
        file = folder / "run.toml";
    }
    void TearDown() override { fs::remove_all(folder); }

    Config read(const std::string& toml, const std::string& profile = "",
                const std::vector<std::string>& overrides = {}) {
        write_file_atomic(file, toml);
        Config config;
        read_config({.file = file, .profile = profile, .overrides = overrides}, visit_of(config));
        return config;
    }
    // The complaint lines, without the file's folder.
    std::vector<std::string> problems(const std::string& toml, const std::string& profile = "",
                                      const std::vector<std::string>& overrides = {}) {
        try {
            read(toml, profile, overrides);
        } catch (const ConfigError& error) {
            std::vector<std::string> lines;
            std::string text = error.what();
            const std::string prefix = folder.string() + "/";
            for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
                text.erase(at, prefix.size());
            std::istringstream stream(text);
            std::string line;
            while (std::getline(stream, line)) lines.push_back(line);
            EXPECT_EQ(lines.at(0), std::to_string(lines.size() - 1) + " problem(s) in the configuration:");
            lines.erase(lines.begin());
            return lines;
        }
        return {};
    }
    fs::path folder, file;
};

TEST_F(ConfigIo, AnEmptyFileKeepsTheDefaults) {
    Config expected;
    expected.samples = folder / "samples";
    EXPECT_EQ(read(""), expected);
    EXPECT_EQ(read("# only a comment"), expected);
}

TEST_F(ConfigIo, ReadsEveryType) {
    const Config config = read(R"(
resume = true
steps = 7
rate = 1
title = 'x'
samples = "../data//in"
weights = [0, 0.25, 1e0]
sizes = [3, 0x0a]
metrics = ["wer", "mcd"]
loss = { kind = "ipo", beta = 3 }
[[runs]]
name = "first"
[[runs]]
rounds = 2
loss.beta = 0.5
)");
    EXPECT_TRUE(config.resume);
    EXPECT_EQ(config.steps, 7);
    EXPECT_EQ(config.rate, 1.0);
    EXPECT_EQ(config.title, "x");
    EXPECT_EQ(config.samples, folder.parent_path() / "data/in");
    EXPECT_THAT(config.weights, ElementsAre(0.0, 0.25, 1.0));
    EXPECT_THAT(config.sizes, ElementsAre(3, 10));
    EXPECT_THAT(config.metrics, ElementsAre("wer", "mcd"));
    EXPECT_EQ(config.loss, (LossConfig{"ipo", 3.0}));
    EXPECT_THAT(config.runs, ElementsAre(RunConfig{"first", 1, {}}, RunConfig{"run", 2, {"lpo", 0.5}}));
}

TEST_F(ConfigIo, ByteOrderMarkAndCarriageReturnsAreFine) {
    EXPECT_EQ(read("\xef\xbb\xbfsteps = 5\r\n\r\n[loss]\r\nbeta = 2.0\r\n").loss.beta, 2.0);
    EXPECT_THAT(problems("\xef\xbb\xbfsteps = 5\r\nrate = -1\r\n"),
                ElementsAre("  run.toml:2:8: rate = -1 must be at least 0"));
}

TEST_F(ConfigIo, TellsEverythingAtOnceSortedByLine) {
    EXPECT_THAT(
        problems(R"(rate = "fast"
steps = 0
[loss]
kind = 'dop'
bta = 0.2
)"),
        ElementsAre("  run.toml:1:8: rate must be a number, got the string 'fast'",  //
                    "  run.toml:2:9: steps = 0 must be in [1, 1000000]",
                    "  run.toml:4:8: loss.kind = 'dop' is not one of dpo ipo lpo; did you mean 'dpo'?",
                    "  run.toml:5:7: unknown key 'loss.bta'; did you mean 'loss.beta'?"));
}

TEST_F(ConfigIo, TypesAreExact) {
    EXPECT_THAT(problems("resume = 1"),
                ElementsAre(HasSubstr("resume must be true or false, got the integer 1")));
    EXPECT_THAT(problems("resume = 'true'"), ElementsAre(HasSubstr("got the string 'true'")));
    EXPECT_THAT(problems("steps = 1.0"),
                ElementsAre(HasSubstr("steps must be an integer, got the number 1")));
    EXPECT_THAT(problems("steps = true"), ElementsAre(HasSubstr("got true")));
    EXPECT_THAT(problems("rate = true"), ElementsAre(HasSubstr("rate must be a number, got true")));
    EXPECT_THAT(problems("rate = 1979-05-27"), ElementsAre(HasSubstr("got a date or time")));
    EXPECT_THAT(problems("title = 3"), ElementsAre(HasSubstr("title must be a string, got the integer 3")));
    EXPECT_THAT(problems("samples = ['x']"), ElementsAre(HasSubstr("samples must be a string, got a list")));
    EXPECT_THAT(problems("loss = 3"),
                ElementsAre(HasSubstr("loss must be a table ([loss]), got the integer 3")));
    EXPECT_THAT(problems("[steps]"), ElementsAre(HasSubstr("steps must be an integer, got a table")));
}

TEST_F(ConfigIo, ListsAreCheckedItemByItem) {
    EXPECT_THAT(problems("weights = [0.5, 2, 'x']"),
                ElementsAre("  run.toml:1:17: weights[1] = 2 must be in [0, 1]",
                            "  run.toml:1:20: weights[2] must be a number, got the string 'x'"));
    EXPECT_THAT(problems("weights = 0.5"),
                ElementsAre(HasSubstr("weights must be a list of numbers, got the number 0.5")));
    EXPECT_THAT(problems("sizes = [1.5]"), ElementsAre(HasSubstr("sizes[0] must be an integer")));
    EXPECT_THAT(problems("metrics = ['wre']"),
                ElementsAre(HasSubstr("metrics[0] = 'wre' is not one of mcd wer; did you mean 'wer'?")));
    EXPECT_THAT(read("weights = []").weights, IsEmpty());
}

TEST_F(ConfigIo, NotANumberIsRefusedAndInfinityObeysTheRange) {
    EXPECT_THAT(problems("rate = nan"), ElementsAre(HasSubstr("rate must be a number, got the number nan")));
    EXPECT_THAT(problems("[loss]\nbeta = inf"),
                ElementsAre(HasSubstr("loss.beta = inf must be in [1e-06, 100]")));
    EXPECT_EQ(read("rate = inf").rate, INFINITY);
}

TEST_F(ConfigIo, ListsOfTables) {
    EXPECT_EQ(read("runs = []\ndefaults = []").defaults.size(), 0u);
    EXPECT_EQ(read("").defaults.size(), 1u);
    // An item starts from the struct's defaults, not from what stood in the list before.
    EXPECT_THAT(read("[[defaults]]\n[[defaults]]\nbeta = 1").defaults,
                ElementsAre(LossConfig{}, LossConfig{"lpo", 1.0}));
    EXPECT_THAT(
        problems("runs = [1]"),
        ElementsAre(HasSubstr("runs must be a list of tables ([[runs]]), got a list of other values")));
    EXPECT_THAT(problems("[runs]\nname = 'x'"),
                ElementsAre(HasSubstr("runs must be a list of tables ([[runs]]), got a table")));
    EXPECT_THAT(problems("[[runs]]\n[[runs]]\nrounds = 10\nnmae = 'x'\nloss.kind = 'x'"),
                ElementsAre("  run.toml:3:10: runs[1].rounds = 10 must be in [1, 9]",
                            "  run.toml:4:8: unknown key 'runs[1].nmae'; did you mean 'runs[1].name'?",
                            "  run.toml:5:13: runs[1].loss.kind = 'x' is not one of dpo ipo lpo"));
}

TEST_F(ConfigIo, UnknownKeysGetTheBestSuggestion) {
    EXPECT_THAT(problems("stpes = 1"), ElementsAre(HasSubstr("unknown key 'stpes'; did you mean 'steps'?")));
    EXPECT_THAT(problems("[los]\nbeta = 1"),
                ElementsAre(HasSubstr("unknown key 'los'; did you mean 'loss'?")));
    EXPECT_THAT(problems("rounds = 1"),
                ElementsAre(HasSubstr("unknown key 'rounds'; did you mean 'runs' or 'runs[].rounds'?")));
    EXPECT_THAT(problems("[loss]\nxyzzy = 1"),
                ElementsAre(HasSubstr("unknown key 'loss.xyzzy'; known here: kind beta")));
}

TEST_F(ConfigIo, SyntaxErrorsHaveAPlaceAndNoOtherComplaints) {
    EXPECT_THAT(problems("stpes = 1\nsteps = \n"), ElementsAre(StartsWith("  run.toml:2:")));
    EXPECT_THAT(problems("steps = 1\nsteps = 2\n"), ElementsAre(StartsWith("  run.toml:2:")));
    EXPECT_THAT(problems("title = '\xff'\n"),
                ElementsAre(AllOf(StartsWith("  run.toml:1:"), HasSubstr("utf-8"))));
}

TEST_F(ConfigIo, AMissingFileIsADataErrorThatNamesIt) {
    Config config;
    EXPECT_THAT([&] { read_config({.file = folder / "none.toml"}, visit_of(config)); },
                ThrowsMessage<DataError>(HasSubstr("none.toml: cannot read: No such file")));
}

TEST_F(ConfigIo, AProfileIsLaidOverTheRest) {
    const std::string toml = R"(
steps = 500
[loss]
kind = "dpo"
beta = 2.0
[[runs]]
name = "long"
[profile.tiny]
steps = 5
loss.beta = 3.0
[[profile.tiny.runs]]
name = "short"
[profile.full]
steps = 9
)";
    EXPECT_EQ(read(toml).steps, 500);
    const Config tiny = read(toml, "tiny");
    EXPECT_EQ(tiny.steps, 5);
    EXPECT_EQ(tiny.loss, (LossConfig{"dpo", 3.0}));
    EXPECT_THAT(tiny.runs, ElementsAre(RunConfig{"short", 1, {}}));
    EXPECT_THAT(problems(toml, "tniy"),
                ElementsAre("  run.toml: no profile 'tniy'; did you mean 'tiny'?; profiles here: full tiny"));
    EXPECT_THAT(problems("", "tiny"), ElementsAre("  run.toml: no profile 'tiny'; profiles here: none"));
}

TEST_F(ConfigIo, ARecipeIsLaidOverItsBase) {
    write_file_atomic(folder / "base.toml", R"(
steps = 500
samples = "here"
loss.beta = 2.0
[[runs]]
name = "long"
[profile.tiny]
steps = 5
)");
    const std::string toml = "base = 'base.toml'\nloss.kind = 'ipo'\n[profile.small]\nsteps = 6\n";
    const Config config = read(toml);
    EXPECT_EQ(config.steps, 500);
    EXPECT_EQ(config.loss, (LossConfig{"ipo", 2.0}));
    EXPECT_EQ(config.samples, folder / "here");
    EXPECT_THAT(config.runs, ElementsAre(RunConfig{"long", 1, {}}));
    EXPECT_EQ(read(toml, "tiny").steps, 5);
    EXPECT_EQ(read(toml, "small").steps, 6);
    EXPECT_EQ(read("base = 'base.toml'\n[[runs]]\nname = 'short'\n").runs.size(), 1U);
}

TEST_F(ConfigIo, MistakesOfABaseAreToldByItsName) {
    write_file_atomic(folder / "base.toml", "stpes = 5\n");
    EXPECT_THAT(problems("base = 'base.toml'\nrate = -1\n"),
                ElementsAre("  base.toml:1:9: unknown key 'stpes'; did you mean 'steps'?",
                            "  run.toml:2:8: rate = -1 must be at least 0"));
    write_file_atomic(folder / "base.toml", "base = 'run.toml'\n");
    EXPECT_THAT(problems("base = 'base.toml'\n"), ElementsAre(HasSubstr("must not have one itself")));
    EXPECT_THAT(problems("base = 'none.toml'\n"), ElementsAre(HasSubstr("there is no such file")));
    EXPECT_THAT(problems("base = '../base.toml'\n"), ElementsAre(HasSubstr("in the same folder")));
}

TEST_F(ConfigIo, ProfilesNobodyChoseAreCheckedToo) {
    EXPECT_THAT(problems("[profile.tiny]\nstpes = 5\nrate = -1\n[[profile.tiny.runs]]\nrounds = 0\n"),
                ElementsAre("  run.toml:2:9: unknown key 'stpes'; did you mean 'steps'?",
                            "  run.toml:3:8: rate = -1 must be at least 0",
                            "  run.toml:5:10: runs[0].rounds = 0 must be in [1, 9]"));
    // A profile hides no mistake of the file, and none is told twice.
    EXPECT_THAT(problems("steps = 'x'\n[profile.tiny]\nsteps = 5\nrate = -1\n", "tiny"),
                ElementsAre(HasSubstr("1:9: steps must be"), HasSubstr("4:8: rate = -1")));
    EXPECT_THAT(problems("profile = 3"),
                ElementsAre(HasSubstr("profile must hold tables ([profile.NAME]), got the integer 3")));
    EXPECT_THAT(problems("[profile]\ntiny = 3"),
                ElementsAre(HasSubstr("profile.tiny must be a table ([profile.tiny]), got the integer 3")));
}

TEST_F(ConfigIo, CheckingAProfileChangesNothing) {
    const Config config = read("[profile.tiny]\nsteps = 5\nsizes = [1]\nruns = [{}, {}]\ndefaults = []\n");
    EXPECT_THAT(config.runs, IsEmpty());
    EXPECT_EQ(config.defaults.size(), 1u);
    EXPECT_EQ(config.steps, 100);
    EXPECT_THAT(config.sizes, IsEmpty());
}

TEST_F(ConfigIo, OverridesComeLast) {
    const std::string toml = "steps = 5\n[profile.tiny]\nsteps = 6\n[[runs]]\n[[runs]]\n";
    EXPECT_EQ(read(toml, "tiny", {"steps=7"}).steps, 7);
    EXPECT_EQ(read(toml, "", {"steps=7", "steps=8"}).steps, 8);
    const Config config =
        read(toml, "",
             {"loss.kind=dpo", " loss.beta = 0.2 ", "weights=[0.1, 1]", "metrics=[\"wer\"]", "resume=true",
              "title=two words # kept", "runs.1.loss.beta=7", "runs.0.name=\"5\""});
    EXPECT_EQ(config.loss, (LossConfig{"dpo", 0.2}));
    EXPECT_THAT(config.weights, ElementsAre(0.1, 1.0));
    EXPECT_THAT(config.metrics, ElementsAre("wer"));
    EXPECT_TRUE(config.resume);
    EXPECT_EQ(config.title, "two words # kept");
    EXPECT_EQ(config.runs.at(1).loss.beta, 7.0);
    EXPECT_EQ(config.runs.at(0).name, "5");
    EXPECT_EQ(read("", "", {"title="}).title, "");
    EXPECT_EQ(read("", "", {"title=1\nsteps=3"}).title, "1\nsteps=3");
    EXPECT_EQ(read("", "", {"defaults=[]"}).defaults.size(), 0u);
}

TEST_F(ConfigIo, OverridesAreCheckedLikeTheFile) {
    EXPECT_THAT(
        problems("rate = -1", "", {"loss.bta=1", "steps=many", "loss.kind=dop", "title=3"}),
        ElementsAre("  run.toml:1:8: rate = -1 must be at least 0",
                    "  --set loss.bta=1: unknown key 'loss.bta'; did you mean 'loss.beta'?",
                    "  --set steps=many: steps must be an integer, got the string 'many'",
                    "  --set loss.kind=dop: loss.kind = 'dop' is not one of dpo ipo lpo; did you mean 'dpo'?",
                    "  --set title=3: title must be a string, got the integer 3"));
    EXPECT_THAT(problems("", "", {"steps"}), ElementsAre(HasSubstr("must be key=value")));
    EXPECT_THAT(problems("", "", {"=3"}), ElementsAre(HasSubstr("a part of the key is empty")));
    EXPECT_THAT(problems("", "", {"loss..beta=3"}), ElementsAre(HasSubstr("a part of the key is empty")));
    EXPECT_THAT(problems("[[runs]]", "", {"runs.1.name=x"}),
                ElementsAre(HasSubstr("the list has no table number '1'")));
    EXPECT_THAT(problems("[[runs]]", "", {"runs.x.name=x"}),
                ElementsAre(HasSubstr("the list has no table number 'x'")));
    EXPECT_THAT(problems("[[runs]]", "", {"runs.0=x"}),
                ElementsAre(HasSubstr("a key must follow the number")));
    EXPECT_THAT(problems("[[runs]]", "", {"runs.name=x"}), ElementsAre(HasSubstr("as in runs.0.KEY=VALUE")));
    EXPECT_THAT(problems("", "", {"steps.x=1"}),
                ElementsAre(HasSubstr("steps must be an integer, got a table")));
    EXPECT_THAT(problems("", "", {"weights=[1, 5]"}),
                ElementsAre("  --set weights=[1, 5]: weights[1] = 5 must be in [0, 1]"));
    EXPECT_THAT(problems("", "", {"profile.tiny.steps=1"}), ElementsAre(HasSubstr("unknown key 'profile'")));
}

TEST_F(ConfigIo, PathsStartAtTheRecipeOrTheCurrentFolder) {
    EXPECT_EQ(read("samples = '/abs/./x'").samples, "/abs/x");
    EXPECT_EQ(read("samples = ''").samples, "");
    EXPECT_EQ(read("[profile.p]\nsamples = 'x'", "p").samples, folder / "x");
    EXPECT_EQ(read("", "", {"samples=here/x"}).samples, fs::current_path() / "here/x");
    Config config;
    read_config({.overrides = {"steps=3"}}, visit_of(config));
    EXPECT_EQ(config.samples, fs::current_path() / "samples");
    EXPECT_EQ(config.steps, 3);
}

TEST_F(ConfigIo, TheResolvedFileReadsBackEqualAnywhere) {
    Config config = read(
        "rate = 0.1\nsamples = 'x'\ndefaults = []\n[[runs]]\nname = \"\\u00e9\\t\"\nloss.beta = "
        "1e-5\n[[runs]]\n");
    config.weights = {1.0 / 3, 1e-300, 1};
    config.rate = 12345678;
    const std::string toml = config_to_toml(visit_of(config));
    fs::create_directories(folder / "elsewhere");
    write_file_atomic(folder / "elsewhere/config.toml", toml);
    Config back;
    read_config({.file = folder / "elsewhere/config.toml"}, visit_of(back));
    EXPECT_EQ(back, config) << toml;
    EXPECT_EQ(config_to_toml(visit_of(back)), toml);
    config.rate = INFINITY;
    EXPECT_EQ(read(config_to_toml(visit_of(config))).rate, INFINITY);
}

TEST_F(ConfigIo, TheResolvedFileExplainsItself) {
    Config config;
    config.runs.resize(2);
    const std::string toml = config_to_toml(visit_of(config));
    EXPECT_THAT(toml, StartsWith("# go on (true false)\nresume = false\n"));
    EXPECT_THAT(toml, HasSubstr("\n# how many (1 to 1000000)\nsteps = 100\n"));
    EXPECT_THAT(toml, HasSubstr("\n# learning rate (at least 0)\nrate = 0.001\n"));
    EXPECT_THAT(toml, HasSubstr("\n# the loss\n[loss]\n# which loss (dpo ipo lpo)\nkind = \"lpo\"\n"));
    EXPECT_THAT(toml, HasSubstr("\n# the runs\n[[runs]]\n# what to call it\nname = \"run\"\n"));
    EXPECT_THAT(toml, HasSubstr("\n# of this run\n[runs.loss]\n"));
    EXPECT_LT(toml.find("weights ="), toml.find("[loss]"));  // values stand before tables
    config.runs.clear();
    EXPECT_THAT(config_to_toml(visit_of(config)), HasSubstr("# the runs\nruns = []  # or tables [[runs]]\n"));
    EXPECT_THAT(config.runs, IsEmpty());
    config.title = "\xff";
    EXPECT_THROW(config_to_toml(visit_of(config)), DataError);
}

TEST_F(ConfigIo, LongHelpIsWrapped) {
    double x = 0;
    const std::string word(30, 'w');
    const std::string help = word + " " + word + " " + word + " " + word;
    const std::string toml = config_to_toml([&](ConfigVisitor& v) { v.field("x", x, help); });
    EXPECT_EQ(toml, "# " + word + " " + word + " " + word + "\n# " + word + "\nx = 0.0\n");
}

TEST_F(ConfigIo, KeysAreListedInOrder) {
    Config config;
    const std::vector<std::string> expected = {"resume",
                                               "loss.kind",
                                               "loss.beta",
                                               "steps",
                                               "rate",
                                               "title",
                                               "samples",
                                               "nothing",
                                               "weights",
                                               "sizes",
                                               "metrics",
                                               "runs[].name",
                                               "runs[].rounds",
                                               "runs[].loss.kind",
                                               "runs[].loss.beta",
                                               "defaults[].kind",
                                               "defaults[].beta"};
    EXPECT_EQ(config_keys(visit_of(config)), expected);
    EXPECT_EQ(config, Config());
    config.runs.resize(3);
    EXPECT_EQ(config_keys(visit_of(config)), expected);
}

TEST_F(ConfigIo, TheDigestFollowsKeysAndValues) {
    Config config, other;
    EXPECT_EQ(config_digest(visit_of(config)), config_digest(visit_of(other)));
    EXPECT_EQ(config_digest(visit_of(config)).size(), 64u);
    other.loss.beta = 0.2;
    EXPECT_NE(config_digest(visit_of(config)), config_digest(visit_of(other)));
    EXPECT_NE(config_digest(visit_of(config), {"loss"}), config_digest(visit_of(other), {"loss"}));
    EXPECT_EQ(config_digest(visit_of(config), {"runs", "steps"}),
              config_digest(visit_of(other), {"runs", "steps"}));
    other = config;
    other.runs.resize(1);
    EXPECT_NE(config_digest(visit_of(config), {"runs"}), config_digest(visit_of(other), {"runs"}));
    EXPECT_THROW(config_digest(visit_of(config), {"lsos"}), BugError);
}

TEST_F(ConfigIo, FaultsOfAVisitFunctionAreBugs) {
    double x = 0;
    std::string choice = "none of them";
    const auto twice = [&](ConfigVisitor& v) { v.field("x", x, ""), v.field("x", x, ""); };
    const auto outside = [&](ConfigVisitor& v) { v.choice("c", choice, "", {"a", "b"}); };
    EXPECT_THAT([&] { read_config({}, twice); }, ThrowsMessage<BugError>(HasSubstr("x is named twice")));
    EXPECT_THAT([&] { read_config({}, outside); },
                ThrowsMessage<BugError>(HasSubstr("the default 'none of them' of c")));
}

}  // namespace
}  // namespace linvox

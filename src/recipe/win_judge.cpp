#include "src/recipe/win_judge.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "eval/length_rule.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/recipe/judge_command.h"

namespace linvox {
namespace {

using nlohmann::json;

double score_of_verdict(const json& record) {
    const json verdict = record.value("verdict", json());
    if (verdict == "win") return 1;
    if (verdict == "tie") return 0.5;
    LINVOX_REQUIRE(verdict == "loss", DataError, "\"verdict\" must be \"win\", \"tie\" or \"loss\", found {}",
                   verdict.dump());
    return 0;
}

std::vector<Judgement> judge_by_sidecar(const WinJudgeConfig& config, const std::vector<JudgePair>& pairs,
                                        const std::filesystem::path& requests) {
    LINVOX_REQUIRE(
        std::filesystem::is_regular_file(config.sidecar), DataError,
        "judge.sidecar = {}: there is no such file; judge the pairs of {} and write a line {{\"system\", "
        "\"item\", \"key\", \"verdict\": \"win\" | \"tie\" | \"loss\"}} for each",
        config.sidecar.string(), requests.string());
    std::map<std::pair<std::string, std::string>, const JudgePair*> asked;
    for (const JudgePair& pair : pairs) asked[{pair.system, pair.item}] = &pair;
    std::map<const JudgePair*, double> verdicts;
    for_each_json_line(config.sidecar, [&](const json& record, std::size_t) {
        const std::string system = record.at("system"), item = record.at("item");
        const auto pair = asked.find({system, item});
        LINVOX_REQUIRE(pair != asked.end(), DataError,
                       "the run has no item \"{}\" of \"{}\"; the verdicts are those of another run", item,
                       system);
        LINVOX_REQUIRE(
            !record.contains("key") || record["key"] == judge_key(*pair->second), DataError,
            "the verdict on \"{}\" of \"{}\" is about other answers (\"key\" differs from {}); judge them "
            "again",
            item, system, requests.string());
        LINVOX_REQUIRE(verdicts.emplace(pair->second, score_of_verdict(record)).second, DataError,
                       "\"{}\" of \"{}\" is judged twice", item, system);
    });
    std::vector<Judgement> judged;
    std::vector<std::string> missing;
    for (const JudgePair& pair : pairs) {
        const auto found = verdicts.find(&pair);
        if (found != verdicts.end())
            judged.push_back({pair.system, pair.item, {found->second}});
        else if (pair.answer == pair.baseline)
            judged.push_back({pair.system, pair.item, {0.5}});
        else
            missing.push_back(fmt::format("\"{}\" of \"{}\"", pair.item, pair.system));
    }
    LINVOX_REQUIRE(missing.empty(), DataError,
                   "{}: {} of {} verdicts are missing, the first is {}; judge them ({})",
                   config.sidecar.string(), missing.size(), pairs.size(), missing.front(), requests.string());
    return judged;
}

/// Every pair in both orders, so that a preference for a place cancels out.
std::vector<Judgement> judge_by_command(const WinJudgeConfig& config, const std::vector<JudgePair>& pairs,
                                        const std::filesystem::path& folder) {
    std::vector<JudgeRequest> requests;
    for (const JudgePair& pair : pairs) {
        if (pair.answer == pair.baseline) continue;
        const std::string id = pair.system + "/" + pair.item;
        requests.push_back({id + "/1", pair.prompt, pair.baseline, pair.answer, pair.preferred});
        requests.push_back({id + "/2", pair.prompt, pair.answer, pair.baseline, pair.preferred});
    }
    const std::vector<double> firsts =
        ask_command(config.command, requests, folder, static_cast<double>(config.timeout_s));
    std::vector<Judgement> judged;
    std::size_t at = 0;
    for (const JudgePair& pair : pairs) {
        judged.push_back({pair.system, pair.item, {0.5}});
        if (pair.answer == pair.baseline) continue;
        judged.back().scores = {1 - firsts[at], firsts[at + 1]};
        at += 2;
    }
    return judged;
}

std::vector<Judgement> judge_by_length_rule(const WinJudgeConfig& config,
                                            const std::vector<JudgePair>& pairs) {
    std::vector<Judgement> judged;
    for (const JudgePair& pair : pairs)
        judged.push_back(
            {pair.system,
             pair.item,
             {length_rule({pair.baseline, pair.baseline_finished}, {pair.answer, pair.answer_finished},
                          pair.preferred, config.tie_margin)}});
    return judged;
}

void write_requests(const std::filesystem::path& file, const std::vector<JudgePair>& pairs) {
    JsonLinesWriter writer(file, JsonLinesWriter::Mode::whole);
    for (const JudgePair& pair : pairs)
        writer.write({{"system", pair.system},
                      {"item", pair.item},
                      {"key", judge_key(pair)},
                      {"prompt", pair.prompt},
                      {"baseline", pair.baseline},
                      {"answer", pair.answer},
                      {"preferred", pair.preferred}});
    writer.close();
}

}  // namespace

void WinJudgeConfig::visit(ConfigVisitor& v) {
    v.choice(
        "kind", kind,
        "who judges: command (a program), sidecar (a file of verdicts), length_rule (words shared with the "
        "preferred answer, length held against it), none",
        {"none", "command", "sidecar", "length_rule"});
    v.field("command", command,
            "shell command of kind = 'command': JSON lines with prompt, a, b on stdin, a line a, b or tie "
            "for each on "
            "stdout; every pair comes in both orders");
    v.path("sidecar", sidecar,
           "file of kind = 'sidecar': JSON lines with system, item and the verdict win, tie or loss");
    v.field("tie_margin", tie_margin, "length_rule: overlaps that differ by no more than this are a tie",
            Range{0, 1});
    v.field("timeout_s", timeout_s, "longest time that the command may take, s", Range{1, 1e7});
}

std::vector<std::string> WinJudgeConfig::problems() const {
    std::vector<std::string> found;
    if ((kind == "command") == command.empty())
        found.push_back("judge.command and judge.kind = 'command' belong together");
    if ((kind == "sidecar") == sidecar.empty())
        found.push_back("judge.sidecar and judge.kind = 'sidecar' belong together");
    return found;
}

std::string judge_key(const JudgePair& pair) {
    return sha256_hex(json{pair.prompt, pair.baseline, pair.answer}.dump());
}

double Judgement::score() const {
    return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

std::vector<Judgement> judge_all(const WinJudgeConfig& config, const std::vector<JudgePair>& pairs,
                                 const std::filesystem::path& folder) {
    const std::filesystem::path requests = folder / "requests.jsonl";
    write_requests(requests, pairs);
    if (config.kind == "command") return judge_by_command(config, pairs, folder);
    if (config.kind == "sidecar") return judge_by_sidecar(config, pairs, requests);
    LINVOX_ASSERT(config.kind == "length_rule", "no judge '{}'", config.kind);
    return judge_by_length_rule(config, pairs);
}

void write_judgements(const std::filesystem::path& file, const std::vector<Judgement>& judgements) {
    JsonLinesWriter writer(file, JsonLinesWriter::Mode::whole);
    for (const Judgement& j : judgements)
        writer.write({{"system", j.system}, {"item", j.item}, {"scores", j.scores}, {"score", j.score()}});
    writer.close();
}

std::vector<Judgement> read_judgements(const std::filesystem::path& file) {
    std::vector<Judgement> judgements;
    for_each_json_line(file, [&](const json& record, std::size_t) {
        judgements.push_back(
            {record.at("system"), record.at("item"), record.at("scores").get<std::vector<double>>()});
    });
    return judgements;
}

}  // namespace linvox

// Whose answer is better, an aligned model's or SFT's: judges that a text recipe can name.
//   command      a program of the user's: JSON lines {"id", "prompt", "a", "b", "preferred"} on stdin, one
//   verdict
//                a line on stdout: a, b or tie, bare or as {"verdict": "a"} (with an "id" it must be the
//                line's). Each pair is asked in both orders; what it gave is kept, so a run that stopped asks
//                the rest only
//   sidecar      a file of verdicts: {"system", "item", "verdict": "win" | "tie" | "loss"}, the model's
//   against SFT's;
//                with the "key" of requests.jsonl a verdict on other answers is noticed
//   length_rule  eval/length_rule.h
// Equal answers are a tie and not asked about. A missing or broken verdict ends the stage; none is dropped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/config/visitor.h"

namespace linvox {

struct WinJudgeConfig {
    std::string kind = "none";  // none, command, sidecar, length_rule
    std::string command;
    std::filesystem::path sidecar;
    double tie_margin = 0.02;
    std::int64_t timeout_s = 3600;
    void visit(ConfigVisitor& v);
    /// What contradicts itself, one sentence each.
    std::vector<std::string> problems() const;
};

/// An answer of a model beside SFT's to the same prompt with the same seed.
struct JudgePair {
    std::string system, item, prompt, baseline, answer;
    std::string preferred;  // the answer of the data
    bool baseline_finished = true, answer_finished = true;
};

/// SHA-256 over prompt and both answers.
std::string judge_key(const JudgePair& pair);

struct Judgement {
    std::string system, item;
    std::vector<double> scores;  // of the model: 1 won, 1/2 tie, 0 lost; a command gives one for each order
    double score() const;        // their mean
};

/// One judgement for each pair, in order. `folder` keeps requests.jsonl, and the traffic with a command.
/// DataError naming the command and line, or the file and line, that gave no usable verdict.
std::vector<Judgement> judge_all(const WinJudgeConfig& config, const std::vector<JudgePair>& pairs,
                                 const std::filesystem::path& folder);

void write_judgements(const std::filesystem::path& file, const std::vector<Judgement>& judgements);
std::vector<Judgement> read_judgements(const std::filesystem::path& file);

}  // namespace linvox

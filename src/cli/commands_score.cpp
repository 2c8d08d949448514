// linvox score: log-probabilities of the answers in a file, by the path that training and reference take.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/cli/commands_models.h"
#include "src/model/device.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

constexpr std::size_t kWindow = 512;  // records whose answers are packed together

nlohmann::json scored_line(const AnswerLine& line, const ReferenceScores& scores, bool per_token) {
    nlohmann::json answers = nlohmann::json::array();
    for (std::size_t i = 0; i < line.names.size(); ++i) {
        const TokenSequence& answer = line.group.answers[i];
        const ReferenceScore& score = scores.at(answer_digest(line.group.prompt_ids, answer));
        answers.push_back({{"name", line.names[i]},
                           {"logprob_sum", score.logprob_sum},
                           {"tokens", score.token_count},
                           {"logprob_mean", score.logprob_sum / static_cast<double>(score.token_count)}});
        if (!per_token) continue;
        answers.back()["ids"] = answer.ids;
        answers.back()["logprobs"] = score.token_logprobs;
    }
    return {{"id", line.group.id}, {"prompt_tokens", line.group.prompt_ids.size()}, {"answers", answers}};
}

}  // namespace

void command_score(const ScoreArguments& arguments) {
    const Decoder decoder =
        on_device(load_decoder(arguments.model), compute_device());  // once for all windows
    const AnswerIds ids = answer_ids_of(arguments.model, decoder.config);
    ScoreConfig score;
    score.softmax = ids.softmax;
    std::vector<AnswerLine> lines;
    for_each_answer_line(arguments.data, line_rules(arguments.model, decoder.config, ids),
                         [&](AnswerLine&& line) {
                             for (std::size_t i = 0; i < line.names.size(); ++i)
                                 require_predictable(line.group.answers[i], line.names[i], ids.softmax);
                             lines.push_back(std::move(line));
                         });
    std::optional<JsonLinesWriter> file;
    if (!arguments.out.empty()) file.emplace(arguments.out, JsonLinesWriter::Mode::whole);
    Progress progress("score", "records", static_cast<std::int64_t>(lines.size()));
    for (std::size_t begin = 0; begin < lines.size(); begin += kWindow) {
        const std::size_t end = std::min(lines.size(), begin + kWindow);
        std::vector<SequenceGroup> groups;
        for (std::size_t i = begin; i < end; ++i) groups.push_back(lines[i].group);
        const ReferenceScores scores =
            score_reference(decoder, groups, score, arguments.token_budget, ReferenceDetail::tokens);
        for (std::size_t i = begin; i < end; ++i) {
            const nlohmann::json line = scored_line(lines[i], scores, arguments.per_token);
            file ? file->write(line) : fmt::print("{}\n", line.dump());
        }
        progress.update(static_cast<std::int64_t>(end));
    }
    if (file) file->close();
    progress.finish();
}

}  // namespace linvox

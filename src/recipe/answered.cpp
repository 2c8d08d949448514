#include "src/recipe/answered.h"

#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"

namespace linvox {

void write_answered(const std::filesystem::path& path, const std::vector<Answered>& answers) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    for (const Answered& a : answers) {
        nlohmann::json pairs = nlohmann::json::array();
        for (const PairLogprobs& p : a.answer.pairs)
            pairs.push_back({p.chosen, p.rejected, p.start_chosen, p.start_rejected, p.chosen_tokens,
                             p.rejected_tokens, p.label});
        writer.write({{"system", a.system},
                      {"item", a.item},
                      {"prompt", a.prompt},
                      {"split", a.split},
                      {"prompt_text", a.prompt_text},
                      {"text", a.answer.text},
                      {"tokens", a.answer.tokens},
                      {"finish", a.answer.finish},
                      {"gold", a.answer.gold},
                      {"logprob_sum", a.answer.logprob_sum},
                      {"reference_logprob_sum", a.answer.reference_logprob_sum},
                      {"pairs", std::move(pairs)},
                      {"is_start", a.answer.is_start}});
    }
    writer.close();
}

std::vector<Answered> read_answered(const std::filesystem::path& path) {
    std::vector<Answered> answers;
    for_each_json_line(path, [&](const nlohmann::json& record, std::size_t) {
        Answered a{record.at("system"), record.at("item"),        record.at("prompt"),
                   record.at("split"),  record.at("prompt_text"), {}};
        a.answer.text = record.at("text");
        a.answer.tokens = record.at("tokens").get<std::vector<std::int32_t>>();
        a.answer.finish = record.at("finish");
        a.answer.gold = record.at("gold");
        a.answer.logprob_sum = record.at("logprob_sum");
        a.answer.reference_logprob_sum = record.at("reference_logprob_sum");
        for (const nlohmann::json& p : record.at("pairs"))
            a.answer.pairs.push_back({p.at(0), p.at(1), p.at(2), p.at(3), p.at(4), p.at(5), p.at(6)});
        a.answer.is_start = record.at("is_start");
        answers.push_back(std::move(a));
    });
    return answers;
}

}  // namespace linvox

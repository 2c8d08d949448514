// candidates (math): several sampled answers to every prompt whose result the verifier knows.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/model/model_directory.h"
#include "src/recipe/prepared.h"
#include "src/recipe/rounds.h"
#include "src/recipe/sampled.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_encoder.h"
#include "src/recipe/text_items.h"

namespace linvox {
namespace {

CandidatePrompt candidate_prompt(const TextItem& item, const TextEncoder& encoder) {
    CandidatePrompt prompt;
    prompt.plan = encoder.plan(item.prompt);
    prompt.record.info = {item.id, prompt.plan.prompt_ids, prompt_text(item.prompt), "", "math", "", ""};
    const Role role = item.split == "valid" ? Role::watch : Role::train;
    prompt.record.reference =
        Candidate{.answer = {encoder.answer_ids(item.chosen), {}}, .source = "reference"};
    prompt.record.info.meta_json = nlohmann::json{{"role", role_name(role)}, {"gold", item.gold}}.dump();
    return prompt;
}

}  // namespace

void stage_candidates_text(const StageContext& context) {
    const auto prepare = context.run.stage("prepare");
    const TextEncoder encoder = TextEncoder::load(prepare);
    const auto items = read_text_items(prepare / "items.jsonl");
    std::vector<TextItem> asked = with_split(items, "prompts");
    if (asked.empty()) asked = with_split(items, "train");
    asked = share_of_round(asked, context.config.round, context.config.rounds);
    for (TextItem& item : with_split(items, "valid")) asked.push_back(std::move(item));
    std::vector<CandidatePrompt> prompts;
    for (const TextItem& item : asked) prompts.push_back(candidate_prompt(item, encoder));
    const TextCandidatesConfig& config = context.config.text_candidates;
    sample_candidates(context, std::move(prompts), config.per_prompt,
                      encoder.restrict(config.sampling.sampling),
                      {"candidates", encoder.size(), encoder.stop_ids(), {}});
}

}  // namespace linvox

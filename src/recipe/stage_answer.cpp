// answer (text and math): every model answers the held-out prompts with the same seeds and settings; beside
// them stand the answers of the data.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/generate/generate.h"
#include "src/model/model_directory.h"
#include "src/recipe/answered.h"
#include "src/recipe/rounds.h"
#include "src/recipe/sampled.h"
#include "src/recipe/spoken.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_answers.h"
#include "src/train/reference_cache.h"

namespace linvox {
namespace {

constexpr std::int64_t kScoreTokens = 4096;  // of a micro-batch, without gradients

Answered blank_answer(const std::string& system, const TextItem& item, std::int64_t sample) {
    return {system,
            fmt::format("{}.{}", item.id, sample),
            item.id,
            item.split,
            prompt_text(item.prompt),
            {.gold = item.gold}};
}

std::vector<Answered> answers_of(const std::string& system, const Decoder& decoder,
                                 const std::vector<TextItem>& items, const TextEncoder& encoder,
                                 const RecipeConfig& config) {
    std::vector<GenerationRequest> requests;
    std::vector<Answered> answers;
    for (const TextItem& item : items)
        for (std::int64_t s = 0; s < config.answer.samples; ++s) {
            requests.push_back({item.id, encoder.plan(item.prompt),
                                mix_seed(static_cast<std::uint64_t>(config.seed), "answer", item.id, s),
                                encoder.stop_ids()});
            answers.push_back(blank_answer(system, item, s));
        }
    Progress progress("answer " + system, "prompts", static_cast<std::int64_t>(requests.size()));
    std::int64_t done = 0;
    generate(decoder, requests, encoder.restrict(config.answer.sampling.sampling),
             [&](std::size_t i, GenerationResult&& result) {
                 answers[i].answer.tokens = std::move(result.answer.ids);
                 answers[i].answer.text = encoder.text(answers[i].answer.tokens);
                 answers[i].answer.finish = result.finish;
                 answers[i].answer.logprob_sum = result.logprob_sum;
                 progress.update(++done);
             });
    progress.finish();
    return answers;
}

ReferenceScores scores_under(const Decoder& decoder, const std::vector<SequenceGroup>& groups,
                             const TextEncoder& encoder) {
    ScoreConfig score;
    score.softmax = encoder.softmax();
    return score_reference(decoder, groups, score, kScoreTokens, ReferenceDetail::sums);
}

/// The log-probability of every answer under the start model.
void score_by_start(std::vector<Answered>& answers, const Decoder& start, const std::vector<TextItem>& items,
                    const TextEncoder& encoder) {
    std::map<std::string, std::vector<std::int32_t>> prompts;
    for (const TextItem& item : items) prompts[item.id] = encoder.prompt_ids(item.prompt);
    std::vector<SequenceGroup> groups;
    for (const Answered& a : answers)
        groups.push_back({a.item, prompts.at(a.prompt), {{a.answer.tokens, {}}}});
    const ReferenceScores scores = scores_under(start, groups, encoder);
    for (std::size_t i = 0; i < answers.size(); ++i)
        answers[i].answer.reference_logprob_sum =
            scores.at(answer_digest(groups[i].prompt_ids, groups[i].answers[0])).logprob_sum;
}

/// The preferred and the rejected answers of a prompt's test pairs, those of each label of data.spans in one
/// group.
struct TestPairs {
    std::vector<SequenceGroup> groups;
    std::vector<std::string> prompts, labels;  // of each group
};

TestPairs test_pairs(const std::vector<TextItem>& items, const TextEncoder& encoder,
                     const std::vector<std::string>& labels) {
    TestPairs tests;
    for (const TextItem& item : items) {
        if (item.rejected.empty()) continue;
        for (SpanPair& pair : item_pairs(encoder, item, labels)) {
            SequenceGroup group{item.id + pair.label, encoder.prompt_ids(item.prompt), {pair.chosen}};
            for (TokenSequence& rejected : pair.rejected)
                if (!same_scored_tokens(pair.chosen, rejected)) group.answers.push_back(std::move(rejected));
            if (group.answers.size() == 1) continue;
            tests.groups.push_back(std::move(group));
            tests.prompts.push_back(item.id);
            tests.labels.push_back(pair.label);
        }
    }
    return tests;
}

/// Test pairs of each prompt under a model and the start model, by prompt id.
std::map<std::string, std::vector<PairLogprobs>> pair_logprobs(const TestPairs& tests,
                                                               const ReferenceScores& model,
                                                               const ReferenceScores& start) {
    std::map<std::string, std::vector<PairLogprobs>> found;
    for (std::size_t g = 0; g < tests.groups.size(); ++g) {
        const SequenceGroup& group = tests.groups[g];
        const std::string chosen = answer_digest(group.prompt_ids, group.answers[0]);
        for (std::size_t r = 1; r < group.answers.size(); ++r) {
            const std::string rejected = answer_digest(group.prompt_ids, group.answers[r]);
            found[tests.prompts[g]].push_back({model.at(chosen).logprob_sum, model.at(rejected).logprob_sum,
                                               start.at(chosen).logprob_sum, start.at(rejected).logprob_sum,
                                               model.at(chosen).token_count, model.at(rejected).token_count,
                                               tests.labels[g]});
        }
    }
    return found;
}

std::vector<Answered> gold_answers(const std::vector<TextItem>& items, const TextEncoder& encoder) {
    std::vector<Answered> answers;
    for (const TextItem& item : items) {
        answers.push_back(blank_answer(kGoldSystem, item, 0));
        answers.back().answer.text = item.chosen;
        answers.back().answer.tokens = encoder.answer_ids(item.chosen);
    }
    return answers;
}

}  // namespace

void stage_answer(const StageContext& context) {
    const RecipeConfig& config = context.config;
    const auto prepare = context.run.stage("prepare");
    const TextEncoder encoder = TextEncoder::load(prepare);
    std::vector<TextItem> items;
    for (TextItem& item : read_text_items(prepare / "items.jsonl"))
        if (std::find(config.answer.splits.begin(), config.answer.splits.end(), item.split) !=
            config.answer.splits.end())
            items.push_back(std::move(item));
    LINVOX_REQUIRE(!items.empty(), DataError, "no held-out prompt to answer; answer.splits names the splits");
    const Decoder start = load_model_directory(context.run.stage("sft") / "model");
    std::vector<Answered> all = gold_answers(items, encoder);
    const TestPairs pairs = test_pairs(items, encoder, config.text_data.parts.spans);
    const ReferenceScores start_scores = scores_under(start, pairs.groups, encoder);
    const auto add = [&](const std::string& system, const Decoder& decoder) {
        std::vector<Answered> answers = answers_of(system, decoder, items, encoder, config);
        score_by_start(answers, start, items, encoder);
        const bool is_start = system == kSftSystem;
        const auto scored = pair_logprobs(
            pairs, is_start ? start_scores : scores_under(decoder, pairs.groups, encoder), start_scores);
        for (Answered& a : answers) {
            const auto found = scored.find(a.prompt);
            if (found != scored.end()) a.answer.pairs = found->second;
            a.answer.is_start = is_start;
        }
        std::move(answers.begin(), answers.end(), std::back_inserter(all));
    };
    add(kSftSystem, start);
    for (const AlignRun& run : config.align)
        add(run.name, load_model_directory(final_model(config, context.run, run.name)));
    write_answered(context.folder / "answered.jsonl", all);
}

}  // namespace linvox

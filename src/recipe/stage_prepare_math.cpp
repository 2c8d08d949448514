// prepare (math): problems out of a seed or a manifest, their splits and the vocabulary.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/data/math_records.h"
#include "src/recipe/math_problems.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_encoder.h"
#include "src/recipe/text_items.h"
#include "src/text/math_answer.h"
#include "src/text/word_tokens.h"

namespace linvox {
namespace {

TextItem math_item(const std::string& split, std::size_t number, const std::string& question,
                   const std::string& answer, const std::string& source) {
    return {fmt::format("{}-{:05}", split, number),
            split,
            {{"user", question}},
            answer,
            {},
            gold_answer(answer),
            source};
}

std::vector<TextItem> generated_items(const GenerateConfig& config, std::uint64_t seed) {
    std::vector<TextItem> items;
    std::set<std::string> taken;
    const auto add = [&](const std::string& split, std::int64_t count, bool unseen) {
        Rng rng(mix_seed(seed, "math problems", split));
        std::size_t number = 0;
        for (const MathProblem& problem : make_math_problems(count, unseen, config.problem, seed, rng, taken))
            items.push_back(math_item(split, number++, problem.question, problem.answer, "generated"));
    };
    add("train", config.train, false);
    add("prompts", config.prompts, false);
    add("valid", config.valid, false);
    add("test", config.test, false);
    add("unseen", config.unseen, true);
    return items;
}

std::vector<TextItem> manifest_items(const MathDataConfig& config, std::uint64_t seed) {
    std::vector<TextItem> items;
    std::map<std::string, std::size_t> numbers;
    const auto add = [&](const std::filesystem::path& path, const char* fixed_split) {
        for (const MathRecord& record : read_math_records(path)) {
            Rng rng(mix_seed(seed, "valid", record.question));
            const std::string split = fixed_split                          ? fixed_split
                                      : rng.uniform() < config.valid_share ? "valid"
                                                                           : "train";
            items.push_back(math_item(split, numbers[split]++, record.question, record.answer,
                                      fmt::format("{}:{}", path.filename().string(), record.line)));
        }
    };
    add(config.manifest, nullptr);
    add(config.test_manifest, "test");
    return items;
}

struct LeftOut {
    std::map<std::string, std::vector<std::string>> ids;  // by reason
    std::set<std::string> unknown_tokens;
};

/// A problem that stands in a split before it, or has tokens that SFT never sees, is left out and counted.
std::vector<TextItem> usable_items(std::vector<TextItem> items, const TextEncoder& encoder,
                                   LeftOut& left_out) {
    std::set<std::string> questions;
    std::vector<TextItem> usable;
    for (TextItem& item : items) {
        if (!questions.insert(item.prompt.front().content).second) {
            left_out.ids["the question stands in the data twice"].push_back(item.id);
            continue;
        }
        try {
            encoder.prompt_ids(item.prompt);
            encoder.answer_ids(item.chosen);
        } catch (const DataError& error) {
            left_out.ids["a token that does not occur in training"].push_back(item.id);
            left_out.unknown_tokens.insert(error.what());
            continue;
        }
        usable.push_back(std::move(item));
    }
    return usable;
}

TextEncoder encoder_of(const std::vector<TextItem>& items) {
    std::vector<std::string> texts;
    for (const TextItem& item : items) {
        if (item.split != "train") continue;
        texts.push_back(item.prompt.front().content);
        texts.push_back(item.chosen);
    }
    LINVOX_REQUIRE(!texts.empty(), DataError, "no training problem is left; lower data.valid_share");
    return TextEncoder::from_words(texts);
}

}  // namespace

void stage_prepare_math(const StageContext& context) {
    const MathDataConfig& config = context.config.math_data;
    const auto seed = static_cast<std::uint64_t>(context.config.seed);
    std::vector<TextItem> items =
        config.manifest.empty() ? generated_items(config.generate, seed) : manifest_items(config, seed);
    const StartConfig& start = context.config.model.start;
    const TextEncoder encoder = start.given() ? TextEncoder::from_checkpoint(start) : encoder_of(items);
    LeftOut left_out;
    items = usable_items(std::move(items), encoder, left_out);
    encoder.save(context.folder);
    write_text_items(context.folder / "items.jsonl", items);

    std::map<std::string, std::int64_t> splits;
    for (const TextItem& item : items) ++splits[item.split];
    nlohmann::json reasons = nlohmann::json::object();
    for (const auto& [reason, ids] : left_out.ids) {
        reasons[reason] = {{"count", ids.size()}, {"ids", ids}};
        log_line(fmt::format("  left out {} problem(s): {}", ids.size(), reason));
    }
    write_json(context.folder / "prepare_report.json", {{"splits", splits},
                                                        {"tokens", encoder.size()},
                                                        {"left_out", reasons},
                                                        {"unknown_tokens", left_out.unknown_tokens}});
    log_line(fmt::format("  {} tokens; problems {}", encoder.size(), nlohmann::json(splits).dump()));
}

}  // namespace linvox

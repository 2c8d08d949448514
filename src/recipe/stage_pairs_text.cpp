// pairs (text): the prepared preferences as token ids, with the pair report.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/data/pair_report.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/recipe/text_encoder.h"
#include "src/recipe/text_items.h"

namespace linvox {
namespace {

Candidate given_answer(const TextEncoder& encoder, const std::string& text) {
    return {.answer = {encoder.answer_ids(text), {}}, .source = "other", .transcript = text};
}

/// Two texts can be the same tokens: such a pair says nothing.
PairResult encoded_pairs(const std::vector<TextItem>& items, const TextEncoder& encoder,
                         std::int64_t context) {
    PairResult result;
    const auto drop = [&](DropRule rule, const std::string& id) {
        DropCount& count = result.counts.pairs_dropped[rule];
        if (++count.count <= 5) count.examples.push_back(id);
    };
    for (const TextItem& item : items) {
        ++result.counts.prompts_read;
        PreferenceRecord record;
        record.info = {item.id, encoder.prompt_ids(item.prompt), prompt_text(item.prompt), "", "text", "",
                       ""};
        record.chosen = given_answer(encoder, item.chosen);
        record.why = "given";
        const auto too_long = [&](const Candidate& c) {
            return static_cast<std::int64_t>(record.info.prompt_ids.size() + c.answer.ids.size()) > context;
        };
        for (const std::string& text : item.rejected) {
            ++result.counts.pairs_proposed;
            Candidate rejected = given_answer(encoder, text);
            if (rejected.answer.ids == record.chosen.answer.ids)
                drop(DropRule::identical, item.id);
            else if (too_long(rejected) || too_long(record.chosen))
                drop(DropRule::over_long, item.id);
            else
                record.rejected.push_back(std::move(rejected));
        }
        result.counts.pairs_kept += static_cast<std::int64_t>(record.rejected.size());
        if (record.rejected.empty()) continue;
        ++result.counts.prompts_with_pairs;
        result.records.push_back(std::move(record));
    }
    return result;
}

}  // namespace

void stage_pairs_text(const StageContext& context) {
    const auto prepare = context.run.stage("prepare");
    const TextEncoder encoder = TextEncoder::load(prepare);
    const auto items = read_text_items(prepare / "items.jsonl");
    const std::int64_t length = start_context(context.config);
    const PairResult training = encoded_pairs(with_split(items, "train"), encoder, length);
    const PairResult watch = encoded_pairs(with_split(items, "valid"), encoder, length);
    PairConfig given;
    given.rule = "given";
    write_pair_report(context.folder, pair_report(training, given));
    LINVOX_REQUIRE(!training.records.empty(), DataError, "no usable pair among {} prompts; see {}",
                   training.counts.prompts_read, (context.folder / "pair_report.txt").string());
    const RecordHeader header{"pairs", encoder.size(), encoder.stop_ids(), {}};
    write_preferences(context.folder / "pairs.train.jsonl", {header, training.records, true});
    write_preferences(context.folder / "pairs.watch.jsonl", {header, watch.records, true});
    log_line(fmt::format("  {} pairs from {} prompts (held-out pairs: {})", training.counts.pairs_kept,
                         training.counts.prompts_read, watch.counts.pairs_kept));
}

}  // namespace linvox

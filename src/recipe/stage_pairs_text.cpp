// pairs (text): the prepared preferences as token ids, with the pair report.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/data/pair_report.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/recipe/text_answers.h"

namespace linvox {
namespace {

Candidate given_answer(TokenSequence answer, const std::string& text) {
    return {.answer = std::move(answer), .source = "other", .transcript = text};
}

/// The pairs of a split, and how many each label of data.spans makes.
struct EncodedPairs {
    PairResult result;
    std::map<std::string, std::int64_t> of_label;
};

/// Two texts can be the same tokens, and two answers the same in a span and before it: such a pair says
/// nothing.
PreferenceRecord text_record(const TextItem& item, SpanPair pair, const std::vector<std::int32_t>& prompt_ids,
                             std::int64_t context, PairCounts& counts) {
    const auto drop = [&](DropRule rule) {
        DropCount& count = counts.pairs_dropped[rule];
        if (++count.count <= 5) count.examples.push_back(item.id);
    };
    PreferenceRecord record;
    record.info = {item.id, prompt_ids, prompt_text(item.prompt), "", "text", "", ""};
    record.why = "given";
    if (!pair.label.empty()) {
        record.info.id += "/" + pair.label;
        record.why += " " + pair.label;
    }
    record.chosen = given_answer(std::move(pair.chosen), item.chosen);
    const auto too_long = [&](const Candidate& c) {
        return static_cast<std::int64_t>(prompt_ids.size() + c.answer.ids.size()) > context;
    };
    for (std::size_t i = 0; i < pair.rejected.size(); ++i) {
        ++counts.pairs_proposed;
        Candidate rejected = given_answer(std::move(pair.rejected[i]), item.rejected[i]);
        // Answers of the same tokens differ in no span, whatever is scored of them.
        if (rejected.answer.ids == record.chosen.answer.ids ||
            same_scored_tokens(rejected.answer, record.chosen.answer))
            drop(DropRule::identical);
        else if (too_long(rejected) || too_long(record.chosen))
            drop(DropRule::over_long);
        else
            record.rejected.push_back(std::move(rejected));
    }
    return record;
}

EncodedPairs encoded_pairs(const std::vector<TextItem>& items, const TextEncoder& encoder,
                           std::int64_t context, const std::vector<std::string>& labels) {
    EncodedPairs pairs;
    PairCounts& counts = pairs.result.counts;
    for (const TextItem& item : items) {
        ++counts.prompts_read;
        const std::vector<std::int32_t> prompt_ids = encoder.prompt_ids(item.prompt);
        bool any = false;
        for (SpanPair& pair : item_pairs(encoder, item, labels)) {
            const std::string label = pair.label;
            PreferenceRecord record = text_record(item, std::move(pair), prompt_ids, context, counts);
            if (record.rejected.empty()) continue;
            any = true;
            pairs.of_label[label] += static_cast<std::int64_t>(record.rejected.size());
            counts.pairs_kept += static_cast<std::int64_t>(record.rejected.size());
            pairs.result.records.push_back(std::move(record));
        }
        counts.prompts_with_pairs += any;
    }
    return pairs;
}

}  // namespace

void stage_pairs_text(const StageContext& context) {
    const auto prepare = context.run.stage("prepare");
    const TextEncoder encoder = TextEncoder::load(prepare);
    const auto items = read_text_items(prepare / "items.jsonl");
    const std::int64_t length = start_context(context.config);
    const std::vector<std::string>& labels = context.config.text_data.parts.spans;
    const EncodedPairs encoded = encoded_pairs(with_split(items, "train"), encoder, length, labels);
    const PairResult& training = encoded.result;
    const PairResult watch = encoded_pairs(with_split(items, "valid"), encoder, length, labels).result;
    PairConfig given;
    given.rule = "given";
    write_pair_report(context.folder, pair_report(training, given));
    LINVOX_REQUIRE(!training.records.empty(), DataError, "no usable pair among {} prompts; see {}",
                   training.counts.prompts_read, (context.folder / "pair_report.txt").string());
    for (const std::string& label : labels)
        LINVOX_REQUIRE(
            encoded.of_label.contains(label), DataError,
            "no training pair is left for data.spans' \"{}\"; see {}; take it off the list, or add records "
            "whose answers differ there",
            label, (context.folder / "pair_report.txt").string());
    const RecordHeader header{"pairs", encoder.size(), encoder.stop_ids(), {}};
    write_preferences(context.folder / "pairs.train.jsonl", {header, training.records, true});
    write_preferences(context.folder / "pairs.watch.jsonl", {header, watch.records, true});
    log_line(fmt::format("  {} pairs from {} prompts (held-out pairs: {})", training.counts.pairs_kept,
                         training.counts.prompts_read, watch.counts.pairs_kept));
    if (!labels.empty()) log_line(fmt::format("  by span: {}", nlohmann::json(encoded.of_label).dump()));
}

}  // namespace linvox

#include "src/recipe/contrast.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/log.h"
#include "src/loss/loss_table.h"
#include "src/recipe/start_model.h"

namespace linvox {
namespace {

/// One pair a record, sides exchanged.
std::vector<PreferenceRecord> swapped(const std::vector<PreferenceRecord>& records) {
    std::vector<PreferenceRecord> out;
    for (const PreferenceRecord& record : records)
        for (const Candidate& rejected : record.rejected) {
            PreferenceRecord pair = record;
            pair.chosen = rejected;
            pair.rejected = {record.chosen};
            out.push_back(std::move(pair));
        }
    return out;
}

AlignConfig contrast_config(const AlignConfig& config) {
    AlignConfig contrast = config;
    double beta = 0.0;  // of the one that weighs tokens, which need not stand first in a mix
    for (const ResolvedTerm& term : resolve_loss(config.loss))
        if (term.row->needs.token_values) beta = term[LossOption::beta];
    contrast.loss = {};
    contrast.loss.main.kind = "sigmoid";
    contrast.loss.main.normalise = "sum";
    contrast.loss.main.set(LossOption::beta, beta);
    contrast.evaluate_every = contrast.patience = 0;
    contrast.keep_best = false;
    contrast.reference_update = "none";
    return contrast;
}

ReferenceScores scores_of_side(const StageContext& context, const AlignConfig& config, const AlignData& data,
                               const std::filesystem::path& folder, const char* side) {
    const std::filesystem::path file = folder / side / "scores.jsonl", done = folder / side / "done";
    std::map<std::string, std::string> identity = data.identity;
    identity["side"] = side;
    if (std::filesystem::exists(done)) return read_reference(file, identity);
    ensure_directory(folder / side);
    log_line(fmt::format("    token weights: the {} model", side));
    Decoder model = load_start_model(context.run);
    const TrainRun run{
        folder / side / "checkpoints", true, [&](std::int64_t resume_step) {
            return std::vector<Observer>{jsonl_observer(folder / side / "train.jsonl", resume_step)};
        }};
    train_align(model, data, config, run);
    std::vector<SequenceGroup> groups;
    for (const auto* records : {&data.train, &data.held_out})
        for (const PreferenceRecord& record : *records) groups.push_back(preference_group(record));
    const ReferenceScores scores =
        precompute_reference(file, model, groups, align_score_config(config, data.softmax), identity,
                             config.token_budget, nullptr, ReferenceDetail::tokens);
    std::filesystem::remove_all(folder / side / "checkpoints");
    write_file_atomic(done, "");
    return scores;
}

}  // namespace

std::shared_ptr<const TokenContrast> train_contrast(const StageContext& context, const AlignConfig& config,
                                                    const AlignData& data,
                                                    const std::filesystem::path& folder) {
    const AlignConfig contrast = contrast_config(config);
    AlignData reversed = data;
    reversed.train = swapped(data.train);
    reversed.held_out = swapped(data.held_out);
    const ReferenceScores positive = scores_of_side(context, contrast, data, folder, "positive");
    const ReferenceScores negative = scores_of_side(context, contrast, reversed, folder, "negative");
    return std::make_shared<const TokenContrast>(token_contrast(positive, negative));
}

}  // namespace linvox

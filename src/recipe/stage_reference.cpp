// reference: score every answer of every pair once under the frozen SFT model.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/log.h"
#include "src/model/model_directory.h"
#include "src/recipe/align_inputs.h"
#include "src/recipe/stages.h"
#include "src/recipe/start_model.h"
#include "src/train/align_reference.h"
#include "src/train/reference_cache.h"

namespace linvox {

void stage_reference(const StageContext& context) {
    const AlignInputs inputs = load_align_inputs(context);
    const Decoder reference = load_start_model(context.run);
    const auto& runs = context.config.align;
    const bool read = std::any_of(runs.begin(), runs.end(),
                                  [](const AlignRun& run) { return !uses_live_reference(run.train); });
    std::vector<SequenceGroup> groups;  // none when every reference is a model: the file is then empty
    if (read)
        for (const auto* records : {&inputs.train, &inputs.watch})
            for (const PreferenceRecord& record : *records) groups.push_back(preference_group(record));
    const AlignConfig& config = runs.front().train;
    const ScoreConfig score = align_score_config(config, inputs.softmax);
    // One file serves every model; token values are larger, so they are stored where a loss reads them.
    const bool tokens = std::any_of(runs.begin(), runs.end(),
                                    [](const AlignRun& run) { return needs_stored_token_values(run.train); });
    ReferenceCounts counts;
    precompute_reference(context.folder / "reference.jsonl", reference, groups, score,
                         reference_identity(reference, score, inputs.digests), config.token_budget, &counts,
                         tokens ? ReferenceDetail::tokens : ReferenceDetail::sums);
    log_line(fmt::format("  {} answers: {} scored now, {} found{}", counts.needed, counts.computed,
                         counts.found, tokens ? ", with token values" : ""));
}

}  // namespace linvox

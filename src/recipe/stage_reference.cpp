// reference: score every answer of every pair once under the frozen SFT model.
#include <fmt/format.h>

#include "src/base/log.h"
#include "src/model/model_directory.h"
#include "src/recipe/align_inputs.h"
#include "src/recipe/stages.h"
#include "src/train/reference_cache.h"

namespace linvox {

void stage_reference(const StageContext& context) {
    const AlignInputs inputs = load_align_inputs(context.run);
    const Decoder reference = load_model_directory(context.run.stage("sft") / "model");
    std::vector<SequenceGroup> groups;
    for (const auto* records : {&inputs.train, &inputs.watch})
        for (const PreferenceRecord& record : *records) groups.push_back(preference_group(record));
    const AlignConfig& config = context.config.align.front().train;
    const ScoreConfig score = align_score_config(config, inputs.vocab_begin, inputs.vocab_end);
    ReferenceCounts counts;
    precompute_reference(context.folder / "reference.jsonl", reference, groups, score,
                         reference_identity(reference, score, inputs.digests), config.token_budget, &counts);
    log_line(
        fmt::format("  {} answers: {} scored now, {} found", counts.needed, counts.computed, counts.found));
}

}  // namespace linvox

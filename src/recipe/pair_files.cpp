#include "src/recipe/pair_files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/data/pair_report.h"
#include "src/recipe/prepared.h"

namespace linvox {
namespace {

PairResult pairs_with_role(const CandidateFile& file, Role role, const PairConfig& config,
                           const StructureCheck& structure) {
    std::vector<CandidateRecord> group;
    for (const CandidateRecord& record : file.records)
        if (nlohmann::json::parse(record.info.meta_json).at("role") == role_name(role))
            group.push_back(record);
    return build_pairs(group, config, structure);
}

/// Damaged ones too: the counts of the report leave them out.
std::size_t pair_count(const std::vector<PreferenceRecord>& records) {
    std::size_t pairs = 0;
    for (const PreferenceRecord& record : records) pairs += record.rejected.size();
    return pairs;
}

}  // namespace

void write_judged_pairs(const StageContext& context, const CandidateFile& file,
                        const StructureCheck& structure) {
    write_candidates(context.folder / "judged.jsonl", file);
    const PairConfig& config = context.config.pairs;
    const PairResult training = pairs_with_role(file, Role::train, config, structure);
    const PairResult watch = pairs_with_role(file, Role::watch, config, structure);
    write_pair_report(context.folder, pair_report(training, config));
    LINVOX_REQUIRE(!training.records.empty(), DataError,
                   "no usable pair among {} prompts; see {}; loosen pairs.metrics (floors, gaps) or "
                   "pairs.max_length_ratio, or sample more",
                   training.counts.prompts_read, (context.folder / "pair_report.txt").string());
    write_preferences(context.folder / "pairs.train.jsonl", {file.header, training.records, true});
    write_preferences(context.folder / "pairs.watch.jsonl", {file.header, watch.records, true});
    log_line(fmt::format("  {} pairs from {} prompts (held-out pairs: {})", pair_count(training.records),
                         training.counts.prompts_read, pair_count(watch.records)));
}

}  // namespace linvox

// pairs (math): every sampled answer is right or wrong; pairs of one right and one wrong answer.
#include <nlohmann/json.hpp>

#include "src/base/parallel.h"
#include "src/recipe/judge_text.h"
#include "src/recipe/pair_files.h"
#include "src/recipe/stages.h"
#include "src/recipe/text_encoder.h"

namespace linvox {

void stage_pairs_math(const StageContext& context) {
    const TextEncoder encoder = TextEncoder::load(context.run.stage("prepare"));
    CandidateFile file = read_candidates(context.run.stage("candidates") / "candidates.jsonl");
    parallel_for(file.records.size(), [&](std::size_t i) {
        CandidateRecord& record = file.records[i];
        const std::string gold = nlohmann::json::parse(record.info.meta_json).at("gold");
        const auto judge = [&](Candidate& candidate) {
            candidate.transcript = encoder.text(candidate.answer.ids);
            candidate.scores =
                judge_math(*candidate.transcript, candidate.finish, gold, context.config.math_judge);
        };
        judge(*record.reference);
        for (Candidate& candidate : record.candidates) judge(candidate);
    });
    write_judged_pairs(context, file, {});
}

}  // namespace linvox

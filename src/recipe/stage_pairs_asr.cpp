// pairs (asr): every sampled transcript gets its unit error rate; pairs of a better and a worse one.
#include "eval/edit_rate.h"
#include "src/base/parallel.h"
#include "src/recipe/pair_files.h"
#include "src/recipe/stages.h"
#include "src/recipe/transcripts.h"

namespace linvox {

void stage_pairs_asr(const StageContext& context) {
    const Vocabulary vocabulary = Vocabulary::load(context.run.stage("prepare") / "vocabulary.json");
    CandidateFile file = read_candidates(context.run.stage("candidates") / "candidates.jsonl");
    parallel_for(file.records.size(), [&](std::size_t i) {
        CandidateRecord& record = file.records[i];
        const std::string said = joined_units(vocabulary, record.reference->answer);
        const auto judge = [&](Candidate& candidate) {
            candidate.transcript = joined_units(vocabulary, candidate.answer);
            candidate.scores = {{"per", word_edits(said, *candidate.transcript).rate()}};
        };
        judge(*record.reference);
        for (Candidate& candidate : record.candidates) judge(candidate);
    });
    write_judged_pairs(context, file, {});
}

}  // namespace linvox

// What every pairs stage writes once its candidates are scored.
#pragma once

#include "src/data/pairs.h"
#include "src/recipe/stage.h"

namespace linvox {

/// judged.jsonl, pairs.train.jsonl, pairs.watch.jsonl (which may hold a header only) and the pair report. The
/// "role" in a record's meta says to which of the two its prompt belongs. DataError when no training pair is
/// left.
void write_judged_pairs(const StageContext& context, const CandidateFile& file,
                        const StructureCheck& structure);

}  // namespace linvox

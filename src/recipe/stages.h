// The stage functions of all recipes, one file each (stage_<name>.cpp). Those that end in _text serve the
// text and the math recipe; reference and align serve every one.
#pragma once

#include "src/recipe/stage.h"

namespace linvox {

void stage_sft_checkpoint(const StageContext& context);
void stage_prepare_checkpoint(const StageContext& context);
void stage_pairs_checkpoint(const StageContext& context);
void stage_evaluate_checkpoint(const StageContext& context);
void stage_report_checkpoint(const StageContext& context);
void stage_codec(const StageContext& context);
void stage_prepare(const StageContext& context);
void stage_sft(const StageContext& context);
void stage_candidates(const StageContext& context);
void stage_pairs(const StageContext& context);
void stage_reference(const StageContext& context);
void stage_align(const StageContext& context);
void stage_divergence(const StageContext& context);
void stage_synthesise(const StageContext& context);
void stage_evaluate(const StageContext& context);
void stage_report(const StageContext& context);

void stage_sft_asr(const StageContext& context);
void stage_candidates_asr(const StageContext& context);
void stage_pairs_asr(const StageContext& context);
void stage_answer_asr(const StageContext& context);

void stage_prepare_text(const StageContext& context);
void stage_pairs_text(const StageContext& context);
void stage_prepare_math(const StageContext& context);
void stage_sft_text(const StageContext& context);
void stage_candidates_text(const StageContext& context);
void stage_pairs_math(const StageContext& context);
void stage_rounds(const StageContext& context);
void stage_answer(const StageContext& context);
void stage_judge_text(const StageContext& context);
void stage_evaluate_text(const StageContext& context);
void stage_report_text(const StageContext& context);

}  // namespace linvox

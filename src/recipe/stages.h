// The stage functions of the TTS recipe, one file each (stage_<name>.cpp).
#pragma once

#include "src/recipe/stage.h"

namespace linvox {

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

}  // namespace linvox

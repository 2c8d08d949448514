// Scores of sampled answers of the math recipe: right or wrong, told from the text alone.
#pragma once

#include <string>
#include <vector>

#include "src/data/records.h"
#include "src/recipe/text_config.h"
#include "src/text/math_answer.h"

namespace linvox {

/// The names of the scores that judge_math() gives.
std::vector<std::string> text_judge_metric_names();

/// correct: 1 when the answer is right by the judge's filter (with judge.steps also every written equation),
/// else 0; an answer cut by length is 0. wrong_steps: written equations that do not hold.
Scores judge_math(const std::string& answer, Finish finish, const std::string& gold,
                  const MathJudgeConfig& config);

AnswerFilter answer_filter_of(const std::string& name);

}  // namespace linvox

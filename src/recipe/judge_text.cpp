#include "src/recipe/judge_text.h"

#include <fmt/format.h>

#include "src/base/error.h"

namespace linvox {

std::vector<std::string> text_judge_metric_names() { return {"correct", "wrong_steps"}; }

AnswerFilter answer_filter_of(const std::string& name) {
    for (const AnswerFilter filter : {AnswerFilter::strict, AnswerFilter::flexible, AnswerFilter::numeric})
        if (name == answer_filter_name(filter)) return filter;
    throw BugError(fmt::format("no answer filter '{}'", name));
}

Scores judge_math(const std::string& answer, Finish finish, const std::string& gold,
                  const MathJudgeConfig& config) {
    const auto wrong = static_cast<double>(wrong_equations(answer).size());
    const bool right = finish == Finish::stop && is_right(answer, gold, answer_filter_of(config.filter)) &&
                       (!config.steps || wrong == 0);
    return {{"correct", right ? 1.0 : 0.0}, {"wrong_steps", wrong}};
}

}  // namespace linvox

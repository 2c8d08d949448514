#include "src/recipe/judge_text.h"

#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

double correct(const std::string& answer, const MathJudgeConfig& config = {}, Finish finish = Finish::stop) {
    return *judge_math(answer, finish, "45", config).at("correct");
}

TEST(JudgeMath, RightMeansValueStepsAndAnEnd) {
    EXPECT_EQ(correct("37 + 8 = 45\n#### 45"), 1);
    EXPECT_EQ(correct("37 + 8 = 45\n#### 5"), 0);
    EXPECT_EQ(correct("37 + 9 = 45\n#### 45"), 0);  // right by two wrongs
    EXPECT_EQ(correct("37 + 9 = 45\n#### 45", {.steps = false}), 1);
    EXPECT_EQ(correct("37 + 8 = 45\n#### 45", {}, Finish::length), 0);
    EXPECT_EQ(correct("it is 45"), 0);
    EXPECT_EQ(correct("it is 45", {.filter = "numeric"}), 1);
    EXPECT_EQ(*judge_math("1 + 1 = 3\n2 + 2 = 5", Finish::stop, "5", {}).at("wrong_steps"), 2);
    EXPECT_THROW(judge_math("#### 45", Finish::stop, "None", {}), DataError);
}

TEST(JudgeMath, ItsScoresAreTheNamedOnes) {
    const Scores scores = judge_math("#### 1", Finish::stop, "1", {});
    EXPECT_EQ(scores.size(), text_judge_metric_names().size());
    for (const std::string& name : text_judge_metric_names()) EXPECT_TRUE(scores.contains(name)) << name;
}

}  // namespace
}  // namespace linvox

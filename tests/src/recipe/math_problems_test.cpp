#include "src/recipe/math_problems.h"

#include <gtest/gtest.h>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/text/math_answer.h"

namespace linvox {
namespace {

const MathProblemConfig kSmall{.steps = 2, .smallest = 5, .largest = 60, .largest_factor = 5};

TEST(MathProblems, AnswersAreRightAndInRange) {
    Rng rng(1);
    for (int i = 0; i < 500; ++i) {
        const MathProblem problem = make_math_problem(kSmall, 7, rng);
        EXPECT_TRUE(wrong_equations(problem.answer).empty()) << problem.answer;
        const auto lines = split(problem.answer, '\n');
        ASSERT_EQ(lines.size(), 3U);
        // The last line gives the last step's result, which stays in range.
        EXPECT_EQ(gold_answer(problem.answer), lines[1].substr(lines[1].rfind(' ') + 1));
        const int result = std::stoi(gold_answer(problem.answer));
        EXPECT_GE(result, 0);
        EXPECT_LE(result, kSmall.largest_result);
        EXPECT_EQ(problem.question.find('{'), std::string::npos) << problem.question;
    }
}

TEST(MathProblems, TheSeedDecides) {
    const auto expressions = [](std::uint64_t seed) {
        Rng rng(seed);
        std::set<std::string> taken;
        make_math_problems(50, false, kSmall, 7, rng, taken);
        return taken;
    };
    EXPECT_EQ(expressions(3), expressions(3));
    EXPECT_NE(expressions(3), expressions(4));
}

TEST(MathProblems, SplitsAreDisjointAndUnseenCombinationsStayUnseen) {
    Rng rng(2);
    std::set<std::string> taken;
    const auto seen = make_math_problems(300, false, kSmall, 7, rng, taken);
    const auto unseen = make_math_problems(100, true, kSmall, 7, rng, taken);
    EXPECT_EQ(taken.size(), 400U);
    for (const MathProblem& problem : seen)
        for (const std::string& line : split(problem.answer, '\n')) {
            const auto words = split_words(line);
            if (words.size() != 5) continue;
            EXPECT_FALSE(
                is_unseen_combination(std::stoi(words[0]), words[1][0], std::stoi(words[2]), kSmall, 7))
                << line;
        }
    for (const MathProblem& problem : unseen) EXPECT_TRUE(problem.has_unseen);
    // 3 + 5 and 5 + 3 are one combination.
    for (int a = 5; a < 60; ++a)
        EXPECT_EQ(is_unseen_combination(a, '+', 9, kSmall, 7), is_unseen_combination(9, '+', a, kSmall, 7));
}

TEST(MathProblems, TooManyAreRefused) {
    Rng rng(2);
    std::set<std::string> taken;
    const MathProblemConfig tiny{.steps = 1, .smallest = 5, .largest = 6, .largest_factor = 2};
    EXPECT_THROW(make_math_problems(1000, false, tiny, 7, rng, taken), UserError);
}

}  // namespace
}  // namespace linvox

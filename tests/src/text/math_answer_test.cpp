#include "src/text/math_answer.h"

#include <gtest/gtest.h>

#include "src/base/error.h"

namespace linvox {
namespace {

struct ValueCase {
    std::string a, b;
    bool same;
};
void PrintTo(const ValueCase& c, std::ostream* out) { *out << c.a << " | " << c.b; }

class SameValue : public testing::TestWithParam<ValueCase> {};

TEST_P(SameValue, InBothDirections) {
    const auto& c = GetParam();
    EXPECT_EQ(same_value(parse_math_value(c.a), parse_math_value(c.b)), c.same);
    EXPECT_EQ(same_value(parse_math_value(c.b), parse_math_value(c.a)), c.same);
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, SameValue,
    testing::Values(
        ValueCase{"5", "5", true}, ValueCase{"5", "15", false}, ValueCase{"15", "5", false},
        ValueCase{"5", "50", false}, ValueCase{"5", "-5", false}, ValueCase{"-5", "\u22125", true},
        ValueCase{"+5", "5", true}, ValueCase{"05", "5", true}, ValueCase{"0", "-0", true},
        ValueCase{"1,000", "1000", true}, ValueCase{"1 000", "1000", true},
        ValueCase{"1{,}000", "1000", true}, ValueCase{"12,345,678", "12345678", true},
        ValueCase{"1,000", "1", false}, ValueCase{"1,00", "100", false}, ValueCase{"1,0000", "10000", false},
        ValueCase{"5.0", "5", true}, ValueCase{"5.00", "5.000", true}, ValueCase{"5.", "5", true},
        ValueCase{".5", "0.5", true}, ValueCase{"0.5", "1/2", true}, ValueCase{"0.50", "2/4", true},
        ValueCase{"1/2", "1/3", false}, ValueCase{"3 1/2", "3.5", true}, ValueCase{"3 1/2", "31/2", false},
        ValueCase{"-3 1/2", "-3.5", true}, ValueCase{"6/2", "3", true},
        ValueCase{"\\frac{1}{2}", "0.5", true}, ValueCase{"\\dfrac{3}{4}", "\\frac34", true},
        ValueCase{"3\\frac{1}{2}", "7/2", true}, ValueCase{"-\\frac{1}{2}", "-0.5", true},
        ValueCase{"1/3", "0.333", true}, ValueCase{"1/3", "0.3333", true}, ValueCase{"1/3", "0.33", false},
        ValueCase{"1/3", "0.334", false}, ValueCase{"2/3", "0.667", true}, ValueCase{"2/3", "0.666", false},
        ValueCase{"1/2", "0.501", false}, ValueCase{"1e3", "1000", true}, ValueCase{"1.5e-3", "0.0015", true},
        ValueCase{"2.5E2", "250", true}, ValueCase{"0.1", "0.10000000000000001", false},
        ValueCase{"123456789012345678901234567890", "123456789012345678901234567890", true},
        ValueCase{"123456789012345678901234567890", "123456789012345678901234567891", false}));

INSTANTIATE_TEST_SUITE_P(Units, SameValue,
                         testing::Values(ValueCase{"$5", "5", true}, ValueCase{"$5", "5 dollars", true},
                                         ValueCase{"$1,000.00", "1000", true}, ValueCase{"\\$5", "5", true},
                                         ValueCase{"-$5", "-5", true}, ValueCase{"50%", "50", true},
                                         ValueCase{"50\\%", "50 %", true}, ValueCase{"50%", "0.5", false},
                                         ValueCase{"5 km", "5", true}, ValueCase{"5 km", "5 m", false},
                                         ValueCase{"5 apples", "5 apple", true},
                                         ValueCase{"5 eggs", "5", true},
                                         ValueCase{"5\\text{ cm}", "5 cm", true},
                                         ValueCase{"12\\ \\mathrm{kg}", "12kg", true},
                                         ValueCase{"90^\\circ", "90", true}, ValueCase{"x = 5", "5", true},
                                         ValueCase{"5 and 6", "5", false}, ValueCase{"5 6", "56", false}));

INSTANTIATE_TEST_SUITE_P(Text, SameValue,
                         testing::Values(ValueCase{"Monday", "monday", true},
                                         ValueCase{"Monday", "Tuesday", false}, ValueCase{"", "", false},
                                         ValueCase{"5", "five", false},
                                         ValueCase{"\\sqrt{2}", "\\sqrt{2}", true},
                                         ValueCase{"(1,2)", "(1,2)", true}, ValueCase{"(1,2)", "1,2", false},
                                         ValueCase{"1/0", "1/0", true}, ValueCase{"1/0", "0", false}));

TEST(LastBoxed, NestedBracesAndBoxes) {
    EXPECT_EQ(last_boxed("so \\boxed{5}."), "5");
    EXPECT_EQ(last_boxed("\\boxed{1} then \\boxed{\\frac{1}{2}}"), "\\frac{1}{2}");
    EXPECT_EQ(last_boxed("\\boxed{\\boxed{7}}"), "7");
    EXPECT_EQ(last_boxed("\\fbox{3}"), "3");
    EXPECT_EQ(last_boxed("\\boxed{\\text{a{b}c}}"), "\\text{a{b}c}");
    EXPECT_FALSE(last_boxed("\\boxed{5"));
    EXPECT_FALSE(last_boxed("5"));
}

TEST(FindAnswer, StrictWantsTheMark) {
    EXPECT_EQ(find_answer("2 + 3 = 5\n#### 5", AnswerFilter::strict), "5");
    EXPECT_EQ(find_answer("#### 4\nno, wrong\n#### 5 apples\nbye", AnswerFilter::strict), "5 apples");
    EXPECT_EQ(find_answer("thus \\boxed{1,000}", AnswerFilter::strict), "1,000");
    EXPECT_FALSE(find_answer("The answer is 5", AnswerFilter::strict));
    EXPECT_FALSE(find_answer("####", AnswerFilter::strict));
    EXPECT_FALSE(find_answer("", AnswerFilter::strict));
}

TEST(FindAnswer, FlexibleTakesTheLastNumber) {
    EXPECT_EQ(find_answer("She has 3 and then 1,234.50 dollars.", AnswerFilter::flexible), "1,234.50");
    EXPECT_EQ(find_answer("It costs $-5", AnswerFilter::flexible), "-5");
    EXPECT_EQ(find_answer("5 - 3", AnswerFilter::flexible), "3");
    EXPECT_EQ(find_answer("10-3", AnswerFilter::flexible), "3");
    EXPECT_EQ(find_answer("a half, 1/2", AnswerFilter::flexible), "1/2");
    EXPECT_EQ(find_answer("x=.5", AnswerFilter::flexible), ".5");
    EXPECT_FALSE(find_answer("none", AnswerFilter::flexible));
}

TEST(IsRight, FiltersDiffer) {
    const std::string marked = "10 + 5 = 15\n#### 15", told = "So the answer is 15 apples, not 3.";
    EXPECT_TRUE(is_right(marked, "15", AnswerFilter::strict));
    EXPECT_FALSE(is_right(marked, "5", AnswerFilter::strict));
    EXPECT_FALSE(is_right(marked, "5", AnswerFilter::flexible));
    EXPECT_FALSE(is_right(told, "15", AnswerFilter::strict));
    EXPECT_FALSE(is_right(told, "15", AnswerFilter::flexible));
    EXPECT_FALSE(is_right(told, "15", AnswerFilter::numeric));  // the last number behind "answer is" is 3
    EXPECT_TRUE(is_right("the answer is 15.", "15", AnswerFilter::numeric));
    EXPECT_TRUE(is_right("#### 15.0", "15", AnswerFilter::numeric));
    EXPECT_FALSE(is_right("#### 15.0", "15", AnswerFilter::flexible));  // as written
    EXPECT_TRUE(is_right("#### 1,000", "1000", AnswerFilter::flexible));
    EXPECT_TRUE(is_right("\\boxed{\\frac{1}{2}}", "0.5", AnswerFilter::numeric));
}

TEST(IsRight, AMissingGoldAnswerIsAnError) {
    for (const char* gold : {"", "None", "null", "nan", "N/A", "worked steps\n####", "#### None", "  "})
        EXPECT_THROW(is_right("#### 5", gold, AnswerFilter::numeric), DataError) << gold;
    EXPECT_EQ(gold_answer("48 / 2 = 24\n#### 24"), "24");
    EXPECT_EQ(gold_answer("\\boxed{7}"), "7");
    EXPECT_EQ(gold_answer(" 42 "), "42");
}

TEST(WrongEquations, OnlyFalseOnesAreTold) {
    EXPECT_TRUE(wrong_equations("37 + 8 = 45\n45 * 3 = 135\n#### 135").empty());
    EXPECT_EQ(wrong_equations("37 + 8 = 46\n46 * 3 = 138"), std::vector<std::string>{"37 + 8 = 46"});
    EXPECT_EQ(wrong_equations("10 / 4 = 2").size(), 1U);
    EXPECT_TRUE(
        wrong_equations("10 / 4 = 2.5\n1 / 3 = 0.333\n-3 - 4 = -7\n5 / 0 = 3\nno = equation").empty());
}

}  // namespace
}  // namespace linvox

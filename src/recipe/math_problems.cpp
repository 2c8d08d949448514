#include "src/recipe/math_problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "src/base/error.h"

namespace linvox {
namespace {

constexpr std::array kNames = {"Mia",  "Tom",  "Ana",  "Ben", "Lena", "Omar", "Nina", "Paul",
                               "Ivan", "Sara", "Emma", "Leo", "Rosa", "Kofi", "Yuki", "Maya",
                               "Finn", "Lara", "Hugo", "Zoe", "Amir", "Ida",  "Noah", "Vera"};
constexpr std::array kThings = {"shells",  "apples",  "books",   "coins",   "stamps", "pencils",
                                "marbles", "cards",   "stones",  "flowers", "eggs",   "buttons",
                                "plums",   "tickets", "bottles", "candles"};
// {n} the name, {o} the things, {b} the number. Each sentence is one step.
constexpr std::array kMore = {"{n} finds {b} more {o}.",          "{n} buys {b} more {o}.",
                              "A friend gives {n} {b} {o}.",      "{n} gets another {b} {o} as a present.",
                              "In the evening {n} adds {b} {o}.", "{n} wins {b} {o}."};
constexpr std::array kFewer = {
    "{n} gives away {b} of the {o}.", "{n} loses {b} {o}.",           "{n} sells {b} {o}.",
    "A friend takes {b} of the {o}.", "{n} throws away {b} old {o}.", "{n} lends {b} {o} to a friend."};
constexpr std::array kTimes = {
    "Then {n} has {b} times as many {o}.", "Within a year the {o} become {b} times as many.",
    "{n} needs {b} times that many {o} and gets them.", "{n} fills {b} boxes with that many {o} each."};
constexpr std::array kStart = {"{n} has {b} {o}.", "{n} starts with {b} {o}.",
                               "There are {b} {o} on the table of {n}.", "{n} counts {b} {o}."};
constexpr std::array kAsk = {"How many {o} does {n} have now?", "How many {o} are there in the end?",
                             "What is the number of {o} now?"};

template <std::size_t N>
const char* pick(const std::array<const char*, N>& choices, Rng& rng) {
    return choices[rng.below(N)];
}

std::int64_t between(std::int64_t low, std::int64_t high, Rng& rng) {
    return low + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(high - low + 1)));
}

std::string filled(std::string text, const std::string& name, const std::string& things,
                   std::int64_t number) {
    for (const auto& [mark, value] :
         {std::pair<std::string, std::string>{"{n}", name}, {"{o}", things}, {"{b}", std::to_string(number)}})
        for (std::size_t at; (at = text.find(mark)) != std::string::npos;)
            text.replace(at, mark.size(), value);
    return text;
}

struct MathStep {
    char op;
    std::int64_t operand, result;
};

/// A step that keeps the number in range.
MathStep draw_step(std::int64_t number, const MathProblemConfig& config, Rng& rng) {
    for (;;) {
        MathStep step{"+-*"[rng.below(3)], 0, 0};
        step.operand = step.op == '*' ? between(2, config.largest_factor, rng)
                                      : between(config.smallest, config.largest, rng);
        step.result = step.op == '+'   ? number + step.operand
                      : step.op == '-' ? number - step.operand
                                       : number * step.operand;
        if (step.result >= 0 && step.result <= config.largest_result) return step;
    }
}

}  // namespace

bool is_unseen_combination(std::int64_t a, char op, std::int64_t b, const MathProblemConfig& config,
                           std::uint64_t seed) {
    if (op != '-' && a > b) std::swap(a, b);  // 3 + 5 says what 5 + 3 is
    return Rng(mix_seed(seed, "combination", a, op, b))
               .below(static_cast<std::uint64_t>(config.unseen_every)) == 0;
}

MathProblem make_math_problem(const MathProblemConfig& config, std::uint64_t seed, Rng& rng) {
    const std::string name = pick(kNames, rng), things = pick(kThings, rng);
    std::int64_t number = between(config.smallest, config.largest, rng);
    MathProblem problem;
    problem.question = filled(pick(kStart, rng), name, things, number);
    problem.expression = std::to_string(number);
    for (std::int64_t s = 0; s < config.steps; ++s) {
        const MathStep step = draw_step(number, config, rng);
        const char* sentence = step.op == '+'   ? pick(kMore, rng)
                               : step.op == '-' ? pick(kFewer, rng)
                                                : pick(kTimes, rng);
        problem.question += " " + filled(sentence, name, things, step.operand);
        problem.answer += fmt::format("{} {} {} = {}\n", number, step.op, step.operand, step.result);
        problem.expression += fmt::format("{}{}", step.op, step.operand);
        problem.has_unseen =
            problem.has_unseen || is_unseen_combination(number, step.op, step.operand, config, seed);
        number = step.result;
    }
    problem.question += " " + filled(pick(kAsk, rng), name, things, 0);
    problem.answer += fmt::format("#### {}", number);
    return problem;
}

std::vector<MathProblem> make_math_problems(std::int64_t count, bool unseen, const MathProblemConfig& config,
                                            std::uint64_t seed, Rng& rng, std::set<std::string>& taken) {
    std::vector<MathProblem> problems;
    const std::int64_t most_tries = 1000 + 200 * count;
    std::int64_t tries = 0;
    while (static_cast<std::int64_t>(problems.size()) < count) {
        LINVOX_REQUIRE(
            ++tries <= most_tries, UserError,
            "data.generate: {} different problems were wanted and {} found; raise largest, largest_factor or "
            "steps, or ask for fewer",
            count, problems.size());
        MathProblem problem = make_math_problem(config, seed, rng);
        if (problem.has_unseen == unseen && taken.insert(problem.expression).second)
            problems.push_back(std::move(problem));
    }
    return problems;
}

}  // namespace linvox

// Word problems with worked steps, out of a seed: real data for a small model, with as many fresh problems as
// a run wants. A number changes step by step, each step is one sentence and one line of the solution:
//
//   Mia has 37 shells. Mia finds 8 more shells. Then Mia has 3 times as many shells. How many shells does Mia
//   have now? 37 + 8 = 45 45 * 3 = 135
//   #### 135
//
// Not a benchmark: the language is simple on purpose. Published data come in through data.manifest.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "src/base/rng.h"

namespace linvox {

/// Ranges of what is generated. Results stay within 0 .. largest_result.
struct MathProblemConfig {
    std::int64_t steps = 2;
    std::int64_t smallest = 5, largest = 60;  // operands of + and -, and the first number
    std::int64_t largest_factor = 5;          // operands of *, from 2
    std::int64_t largest_result = 999;
    std::int64_t unseen_every = 8;  // one in so many number combinations is kept for the unseen split
};

struct MathProblem {
    std::string question, answer;  // the answer ends in "#### n"
    std::string expression;        // "37+8*3", left to right: what makes two problems the same
    bool has_unseen = false;       // some step computes a combination kept for the unseen split
};

/// True when "a op b" belongs to the combinations that only the unseen split computes.
bool is_unseen_combination(std::int64_t a, char op, std::int64_t b, const MathProblemConfig& config,
                           std::uint64_t seed);

/// One problem, drawn with `rng`; which combinations are unseen depends on `seed` alone.
MathProblem make_math_problem(const MathProblemConfig& config, std::uint64_t seed, Rng& rng);

/// `count` problems whose expressions are not in `taken`, which grows by them; all with an unseen
/// combination, or all without. UserError when the ranges do not hold that many.
std::vector<MathProblem> make_math_problems(std::int64_t count, bool unseen, const MathProblemConfig& config,
                                            std::uint64_t seed, Rng& rng, std::set<std::string>& taken);

}  // namespace linvox

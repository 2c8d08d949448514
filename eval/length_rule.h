// Which of two written answers is better by a rule that needs no model: words shared with the preferred
// answer of the data, with length held against it on both sides. It says nothing of quality beyond that; it
// is there to try a recipe, and beside another judge to see whether length alone decides.
#pragma once

#include <string>

namespace linvox {

/// F1 of the words (lower case, with multiplicity) times the shorter length in words over the longer one, in
/// [0, 1]: neither padding nor cutting an answer raises it.
double length_controlled_overlap(const std::string& answer, const std::string& preferred);

struct RuledAnswer {
    std::string text;
    bool finished = true;  // false: cut by the length limit, which counts as overlap 0
};

/// 1 when `b` is better, 0 when `a` is, 1/2 when the overlaps differ by at most `tie_margin`.
double length_rule(const RuledAnswer& a, const RuledAnswer& b, const std::string& preferred,
                   double tie_margin);

}  // namespace linvox

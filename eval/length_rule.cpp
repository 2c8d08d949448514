#include "eval/length_rule.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "src/base/text.h"

namespace linvox {

double length_controlled_overlap(const std::string& answer, const std::string& preferred) {
    const std::vector<std::string> own = split_words(to_lower(answer)),
                                   wanted = split_words(to_lower(preferred));
    if (own.empty() || wanted.empty()) return 0;
    std::map<std::string, int> left;
    for (const std::string& word : wanted) ++left[word];
    double shared = 0;
    for (const std::string& word : own)
        if (left[word]-- > 0) ++shared;
    const auto length = static_cast<double>(own.size()), other = static_cast<double>(wanted.size());
    // F1 is 2 shared / (own + wanted).
    return 2 * shared / (length + other) * std::min(length, other) / std::max(length, other);
}

double length_rule(const RuledAnswer& a, const RuledAnswer& b, const std::string& preferred,
                   double tie_margin) {
    const double of_a = a.finished ? length_controlled_overlap(a.text, preferred) : 0;
    const double of_b = b.finished ? length_controlled_overlap(b.text, preferred) : 0;
    if (std::abs(of_a - of_b) <= tie_margin) return 0.5;
    return of_b > of_a ? 1 : 0;
}

}  // namespace linvox

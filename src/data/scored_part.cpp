#include "src/data/scored_part.h"

#include <algorithm>

namespace linvox {

TokenSequence scored_to_first_difference(const TokenSequence& chosen, TokenSequence rejected) {
    const auto size = static_cast<std::int32_t>(rejected.ids.size());
    const auto differs =
        std::mismatch(chosen.ids.begin(), chosen.ids.end(), rejected.ids.begin(), rejected.ids.end()).second;
    const auto at = static_cast<std::int32_t>(differs - rejected.ids.begin());
    const auto holds_it = [&](const Span& span) { return span.begin <= at && at < span.end; };
    if (at + 1 >= size || std::any_of(rejected.given.begin(), rejected.given.end(), holds_it))
        return rejected;
    std::erase_if(rejected.given, [&](const Span& span) { return span.begin > at; });
    rejected.given.push_back({at + 1, size});
    return rejected;
}

}  // namespace linvox

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

TokenSequence with_id_given(const TokenSequence& answer, std::int32_t id) {
    TokenSequence marked{answer.ids, {}};
    std::size_t next = 0;
    for (std::int32_t at = 0; at < static_cast<std::int32_t>(answer.ids.size()); ++at) {
        while (next < answer.given.size() && answer.given[next].end <= at) ++next;
        const bool given = next < answer.given.size() && answer.given[next].begin <= at;
        if (!given && answer.ids[static_cast<std::size_t>(at)] != id) continue;
        if (!marked.given.empty() && marked.given.back().end == at)
            ++marked.given.back().end;
        else
            marked.given.push_back({at, at + 1});
    }
    return marked.scored_count() > 0 ? marked : answer;
}

}  // namespace linvox

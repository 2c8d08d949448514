#include "eval/word_alignment.h"

#include <algorithm>

namespace linvox {

std::vector<WordEdit> align_words(std::span<const std::string> reference,
                                  std::span<const std::string> hypothesis) {
    const std::size_t columns = hypothesis.size() + 1;
    std::vector<int> cost((reference.size() + 1) * columns);
    const auto at = [&](std::size_t i, std::size_t j) -> int& { return cost[i * columns + j]; };
    for (std::size_t i = 0; i <= reference.size(); ++i)
        for (std::size_t j = 0; j < columns; ++j) {
            if (i == 0 || j == 0) {
                at(i, j) = static_cast<int>(i + j);
                continue;
            }
            const int change = reference[i - 1] != hypothesis[j - 1];
            at(i, j) = std::min({at(i - 1, j - 1) + change, at(i - 1, j) + 1, at(i, j - 1) + 1});
        }
    std::vector<WordEdit> edits;
    std::size_t i = reference.size(), j = hypothesis.size();
    while (i > 0 || j > 0) {
        const bool both = i > 0 && j > 0;
        const bool same = both && reference[i - 1] == hypothesis[j - 1];
        if (both && at(i, j) == at(i - 1, j - 1) + !same) {
            --i, --j;
            edits.push_back({same ? '=' : 'S', reference[i], hypothesis[j]});
        } else if (i > 0 && at(i, j) == at(i - 1, j) + 1) {
            edits.push_back({'D', reference[--i], ""});
        } else {
            edits.push_back({'I', "", hypothesis[--j]});
        }
    }
    std::reverse(edits.begin(), edits.end());
    return edits;
}

}  // namespace linvox

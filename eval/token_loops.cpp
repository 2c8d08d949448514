#include "eval/token_loops.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace linvox {

namespace {

struct Stretch {
    std::int64_t length = 0, end = 0;
};

/// Longest run of positions with t[i] = t[i - period].
Stretch longest_stretch(std::span<const std::int32_t> tokens, std::size_t period) {
    Stretch best;
    std::int64_t run = 0;
    for (std::size_t i = period; i < tokens.size(); ++i) {
        run = tokens[i] == tokens[i - period] ? run + 1 : 0;
        if (run > best.length) best = {run, static_cast<std::int64_t>(i) + 1};
    }
    return best;
}

/// Whether a divisor of `period` repeats over as many tokens: a pause of one token is no loop of period 16.
bool is_multiple(const std::vector<std::int64_t>& covered, std::int64_t period) {
    for (std::int64_t divisor = 1; divisor <= period / 2; ++divisor) {
        const bool divides = period % divisor == 0;
        if (divides &&
            covered[static_cast<std::size_t>(divisor)] >= covered[static_cast<std::size_t>(period)]) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::int64_t longest_run(std::span<const std::int32_t> tokens) {
    std::int64_t best = 0, run = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        run = i > 0 && tokens[i] == tokens[i - 1] ? run + 1 : 1;
        best = std::max(best, run);
    }
    return best;
}

TokenLoop token_loop(std::span<const std::int32_t> tokens, double frame_rate, std::int64_t longest_period) {
    TokenLoop best;
    const auto size = static_cast<std::int64_t>(tokens.size());
    std::vector<std::int64_t> covered = {0};  // per period: tokens in its longest repeating part
    for (std::int64_t period = 1; period <= std::min(longest_period, size - 1); ++period) {
        const Stretch stretch = longest_stretch(tokens, static_cast<std::size_t>(period));
        covered.push_back(stretch.length + period);
        if (is_multiple(covered, period)) continue;
        const std::int64_t copies = 1 + stretch.length / period;
        const bool flagged =
            period >= 16 ? copies >= 4 : static_cast<double>(stretch.length) >= 2 * frame_rate;
        best.flagged = best.flagged || flagged;
        if (copies <= best.copies) continue;
        best.period = period;
        best.copies = copies;
        best.stretch = stretch.length;
        best.begin = stretch.end - stretch.length - period;
    }
    return best;
}

std::optional<double> distinct_ngrams(std::span<const std::int32_t> tokens, int n) {
    if (n < 1 || tokens.size() < static_cast<std::size_t>(n)) return std::nullopt;
    const std::size_t count = tokens.size() - static_cast<std::size_t>(n) + 1;
    std::set<std::vector<std::int32_t>> seen;
    for (std::size_t i = 0; i < count; ++i) {
        const auto ngram = tokens.subspan(i, static_cast<std::size_t>(n));
        seen.emplace(ngram.begin(), ngram.end());
    }
    return static_cast<double>(seen.size()) / static_cast<double>(count);
}

std::optional<double> repeated_share(std::span<const std::int32_t> tokens, int window) {
    if (tokens.empty()) return std::nullopt;
    std::int64_t repeated = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::size_t begin = i - std::min(i, static_cast<std::size_t>(window));
        const auto before = tokens.subspan(begin, i - begin);
        if (std::find(before.begin(), before.end(), tokens[i]) != before.end()) ++repeated;
    }
    return static_cast<double>(repeated) / static_cast<double>(tokens.size());
}

std::optional<double> token_rate(std::int64_t tokens, std::int64_t text_units, double expected_per_unit) {
    if (text_units <= 0 || !(expected_per_unit > 0)) return std::nullopt;
    return static_cast<double>(tokens) / static_cast<double>(text_units) / expected_per_unit;
}

double token_edit(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
    const std::size_t longer = std::max(a.size(), b.size());
    if (longer == 0) return 0;
    std::vector<std::int64_t> row(b.size() + 1);  // distances of a[:i] to every b[:j]
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::int64_t diagonal = std::exchange(row[0], static_cast<std::int64_t>(i));
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::int64_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return static_cast<double>(row.back()) / static_cast<double>(longer);
}

std::optional<TokenSilence> token_silence(std::span<const std::int32_t> tokens,
                                          const std::unordered_set<std::int32_t>& silence_ids) {
    if (tokens.empty()) return std::nullopt;
    TokenSilence out;
    std::int64_t silent = 0, run = 0;
    const auto size = static_cast<std::int64_t>(tokens.size());
    for (std::int64_t i = 0; i < size; ++i) {
        const bool quiet = silence_ids.count(tokens[static_cast<std::size_t>(i)]) > 0;
        run = quiet ? run + 1 : 0;
        silent += quiet;
        out.longest = std::max(out.longest, run);
        if (run == i + 1) out.head = run;
    }
    out.tail = run;
    out.share = static_cast<double>(silent) / static_cast<double>(size);
    return out;
}

}  // namespace linvox

// perturb() of pairs.h: damaged copies of good answers as rejected ones.
//
// An answer is a chain of runs: given tokens, then scored codes, then the one token that ends the run
// (NEXT, or EOS). The plain layout has a single run; there the damaged span is a part of it. With several
// runs (aligned layout) a stretch of neighbouring runs is damaged, each in its own codes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/data/pairs.h"

namespace linvox {
namespace {

struct Run {
    std::vector<std::int32_t> given, codes;  // codes without the run's last token
    std::int32_t last = 0;
};

/// Runs with their given tokens in front; given tokens behind the last run go into `tail`.
std::vector<Run> split_runs(const TokenSequence& answer, std::vector<std::int32_t>& tail) {
    std::vector<Run> runs;
    std::vector<std::int32_t> given;
    std::int32_t at = 0;
    const auto add_run = [&](std::int32_t end) {
        if (at == end) return;
        Run run{given, {answer.ids.begin() + at, answer.ids.begin() + end - 1}, answer.ids[end - 1]};
        runs.push_back(std::move(run));
        given.clear();
        at = end;
    };
    for (const Span& span : answer.given) {
        add_run(span.begin);
        given.insert(given.end(), answer.ids.begin() + span.begin, answer.ids.begin() + span.end);
        at = span.end;
    }
    add_run(static_cast<std::int32_t>(answer.ids.size()));
    tail = given;
    return runs;
}

TokenSequence join_runs(const std::vector<Run>& runs, const std::vector<std::int32_t>& tail) {
    TokenSequence answer;
    const auto append_given = [&](const std::vector<std::int32_t>& given) {
        if (given.empty()) return;
        const auto begin = static_cast<std::int32_t>(answer.ids.size());
        answer.ids.insert(answer.ids.end(), given.begin(), given.end());
        answer.given.push_back({begin, static_cast<std::int32_t>(answer.ids.size())});
    };
    for (const Run& run : runs) {
        append_given(run.given);
        answer.ids.insert(answer.ids.end(), run.codes.begin(), run.codes.end());
        answer.ids.push_back(run.last);
    }
    append_given(tail);
    return answer;
}

/// Every code of an answer: what a substitution draws from.
std::vector<std::int32_t> codes_of(const std::vector<Run>& runs) {
    std::vector<std::int32_t> codes;
    for (const Run& run : runs) codes.insert(codes.end(), run.codes.begin(), run.codes.end());
    return codes;
}

/// How an answer is damaged: the settings, and what may stand in for a code.
struct Damage {
    const std::string& kind;
    const PerturbConfig& config;
    const std::vector<std::int32_t>& pool;
};

/// Frames [begin, begin + count) of the codes, damaged.
void damage(std::vector<std::int32_t>& codes, const Damage& how, std::int64_t begin, std::int64_t count,
            Rng& rng) {
    const auto& [kind, config, pool] = how;
    const std::int64_t size = config.frame_size;
    const auto first = codes.begin() + begin * size, last = codes.begin() + (begin + count) * size;
    if (kind == "repeat") {
        const std::vector<std::int32_t> span(first, last);
        codes.insert(last, span.begin(), span.end());
    } else if (kind == "drop") {
        codes.erase(first, last);
    } else if (kind == "cut_tail") {
        codes.erase(codes.end() - count * size, codes.end());
    } else if (kind == "insert_silence") {
        codes.insert(first, static_cast<std::size_t>(count * size),
                     static_cast<std::int32_t>(config.silence_id));
    } else if (kind == "substitute") {
        std::generate(first, last, [&] { return pool[rng.below(pool.size())]; });
    } else if (kind == "shuffle") {
        std::vector<std::int64_t> order;
        for (std::int64_t i = 0; i < count; ++i) order.push_back(i);
        rng.shuffle(order);
        const std::vector<std::int32_t> span(first, last);
        for (std::int64_t i = 0; i < count; ++i)
            std::copy_n(span.begin() + order[static_cast<std::size_t>(i)] * size, size, first + i * size);
    } else {
        throw BugError(fmt::format("perturbation '{}' is not known", kind));
    }
}

/// Damages one run over `share` of its frames; runs that are too short stay.
void damage_run(Run& run, const Damage& how, double share, Rng& rng) {
    const auto frames = static_cast<std::int64_t>(run.codes.size()) / how.config.frame_size;
    // Drop and cut leave one frame; a shuffle needs two.
    const bool shortens = how.kind == "drop" || how.kind == "cut_tail";
    const std::int64_t least = how.kind == "shuffle" ? 2 : 1, most = shortens ? frames - 1 : frames;
    if (most < least) return;
    const auto wanted = static_cast<std::int64_t>(std::lround(share * static_cast<double>(frames)));
    const std::int64_t count = std::clamp(wanted, least, most);
    const auto begin = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(frames - count + 1)));
    damage(run.codes, how, begin, count, rng);
}

void damage_runs(std::vector<Run>& runs, const Damage& how, Rng& rng) {
    const auto& [kind, config, pool] = how;
    if (runs.size() == 1) return damage_run(runs[0], how, config.span_share, rng);
    const auto count = std::clamp<std::size_t>(
        static_cast<std::size_t>(std::lround(config.span_share * static_cast<double>(runs.size()))), 1,
        runs.size());
    const std::size_t begin = kind == "cut_tail" ? runs.size() - count : rng.below(runs.size() - count + 1);
    for (std::size_t i = begin; i < begin + count; ++i) damage_run(runs[i], how, 0.5, rng);
}

}  // namespace

std::optional<Candidate> perturb(const Candidate& original, const std::string& kind,
                                 const PerturbConfig& config, std::uint64_t seed) {
    std::vector<std::int32_t> tail;
    const std::vector<Run> runs = split_runs(original.answer, tail);
    const std::vector<std::int32_t> pool = codes_of(runs);
    constexpr int kAttempts = 20;  // a shuffle of equal frames, or runs of one code, may change nothing
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Rng rng(mix_seed(seed, kind, attempt));
        std::vector<Run> damaged = runs;
        damage_runs(damaged, {kind, config, pool}, rng);
        Candidate candidate;
        candidate.answer = join_runs(damaged, tail);
        if (candidate.answer.ids == original.answer.ids) continue;
        candidate.finish = original.finish;
        candidate.stop_id = original.stop_id;
        candidate.source = "perturbed";
        candidate.perturb = {{"kind", kind}, {"seed", fmt::format("{}", seed)}, {"of", original.source}};
        return candidate;
    }
    return std::nullopt;
}

}  // namespace linvox

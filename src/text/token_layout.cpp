#include "src/text/token_layout.h"

#include <fmt/format.h>

#include "src/base/error.h"

namespace linvox {
namespace {

void give(TokenSequence& answer, std::span<const std::int32_t> ids) {
    const auto begin = static_cast<std::int32_t>(answer.ids.size());
    answer.ids.insert(answer.ids.end(), ids.begin(), ids.end());
    answer.given.push_back({begin, static_cast<std::int32_t>(answer.ids.size())});
}

/// What stands at every position: given or not, from the spans.
std::vector<bool> given_mask(const TokenSequence& answer) {
    std::vector<bool> given(answer.ids.size(), false);
    for (const Span& span : answer.given) {
        for (std::int32_t i = std::max(span.begin, 0);
             i < span.end && i < static_cast<std::int32_t>(given.size()); ++i) {
            given[static_cast<std::size_t>(i)] = true;
        }
    }
    return given;
}

std::vector<StructureProblem> check_plain(const Vocabulary& vocabulary, const TokenSequence& answer,
                                          bool finished) {
    std::vector<StructureProblem> problems;
    const auto count = static_cast<std::int32_t>(answer.ids.size());
    if (!answer.given.empty())
        problems.push_back({answer.given.front().begin, "given tokens in a plain answer"});
    const bool ended = count > 0 && answer.ids.back() == vocabulary.eos();
    for (std::int32_t i = 0; i < count - (ended ? 1 : 0); ++i) {
        const std::int32_t id = answer.ids[static_cast<std::size_t>(i)];
        if (!vocabulary.is_code(id)) {
            problems.push_back({i, fmt::format("{} where a code must stand", vocabulary.token_name(id))});
        }
    }
    if (count - (ended ? 1 : 0) == 0) problems.push_back({0, "no code"});
    if (finished && !ended) problems.push_back({count, "EOS is missing"});
    return problems;
}

/// The state machine of the aligned layout: forced tokens, codes, NEXT; once per unit.
class AlignedWalk {
public:
    AlignedWalk(const Vocabulary& vocabulary, const GenerationPlan& plan, const TokenSequence& answer)
        : vocabulary_(vocabulary), plan_(plan), answer_(answer), given_(given_mask(answer)) {}

    std::vector<StructureProblem> run(bool finished) {
        for (const auto& forced : plan_.forced) {
            if (position_ == answer_.ids.size()) break;
            walk_forced(forced);
            walk_codes();
        }
        const std::size_t units = plan_.forced.size();
        if (position_ < answer_.ids.size()) report("tokens after the last boundary");
        if (finished && boundaries_ < units) {
            report(fmt::format("ended after {} of {} units", boundaries_, units));
        }
        if (boundaries_ == 0 && codes_ == 0) report("no code");
        return std::move(problems_);
    }

private:
    void report(std::string what) {
        problems_.push_back({static_cast<std::int32_t>(position_), std::move(what)});
    }

    void walk_forced(const std::vector<std::int32_t>& forced) {
        for (const std::int32_t expected : forced) {
            if (position_ == answer_.ids.size()) return;
            const std::int32_t id = answer_.ids[position_];
            if (id != expected) {
                report(fmt::format("{} where {} is given", vocabulary_.token_name(id),
                                   vocabulary_.token_name(expected)));
            } else if (!given_[position_]) {
                report(fmt::format("{} is given but counted as scored", vocabulary_.token_name(id)));
            }
            ++position_;
        }
    }

    void walk_codes() {
        std::size_t codes = 0;
        for (; position_ < answer_.ids.size(); ++position_) {
            const std::int32_t id = answer_.ids[position_];
            if (given_[position_])
                report(fmt::format("{} is scored but counted as given", vocabulary_.token_name(id)));
            if (id == plan_.boundary_id) break;
            if (vocabulary_.is_code(id)) {
                ++codes;
            } else {
                report(fmt::format("{} where a code must stand", vocabulary_.token_name(id)));
            }
        }
        codes_ += codes;
        if (position_ == answer_.ids.size()) return;  // cut inside a unit
        if (codes == 0) report("a unit without codes");
        ++boundaries_;
        ++position_;
    }

    const Vocabulary& vocabulary_;
    const GenerationPlan& plan_;
    const TokenSequence& answer_;
    std::vector<bool> given_;
    std::vector<StructureProblem> problems_;
    std::size_t position_ = 0, boundaries_ = 0, codes_ = 0;
};

}  // namespace

GenerationPlan plan_plain(const Vocabulary& vocabulary, std::span<const std::string> units) {
    LINVOX_REQUIRE(!units.empty(), DataError, "a prompt needs at least one text unit");
    GenerationPlan plan;
    plan.prompt_ids.push_back(Vocabulary::bos);
    for (const std::string& unit : units) plan.prompt_ids.push_back(vocabulary.unit_id(unit));
    plan.prompt_ids.push_back(Vocabulary::end);
    plan.stop_id = vocabulary.eos();
    return plan;
}

GenerationPlan plan_aligned(const Vocabulary& vocabulary, std::span<const std::string> units) {
    LINVOX_REQUIRE(!units.empty(), DataError, "a prompt needs at least one text unit");
    GenerationPlan plan;
    plan.prompt_ids.push_back(Vocabulary::bos);
    std::vector<std::int32_t> ids;
    for (const std::string& unit : units) ids.push_back(vocabulary.unit_id(unit));
    ids.push_back(Vocabulary::end);  // the last unit's successor
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) plan.forced.push_back({ids[i], ids[i + 1]});
    plan.boundary_id = vocabulary.next();
    return plan;
}

LaidOut lay_out_plain(const Vocabulary& vocabulary, std::span<const std::string> units,
                      std::span<const std::int32_t> codes) {
    LINVOX_REQUIRE(!codes.empty(), DataError, "an answer needs at least one code");
    LaidOut out;
    out.prompt_ids = plan_plain(vocabulary, units).prompt_ids;
    for (const std::int32_t code : codes) out.answer.ids.push_back(vocabulary.code_id(code));
    out.answer.ids.push_back(vocabulary.eos());
    return out;
}

LaidOut lay_out_aligned(const Vocabulary& vocabulary, std::span<const AlignedUnit> units,
                        std::span<const std::int32_t> codes) {
    std::vector<std::string> names;
    for (const AlignedUnit& unit : units) names.push_back(unit.unit);
    const GenerationPlan plan = plan_aligned(vocabulary, names);
    LaidOut out;
    out.prompt_ids = plan.prompt_ids;
    std::int32_t at = 0;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const AlignedUnit& unit = units[i];
        LINVOX_REQUIRE(
            unit.begin == at && unit.end > unit.begin, DataError,
            "unit {} ('{}') covers frames [{}, {}), but must start at {} and hold at least one frame", i,
            unit.unit, unit.begin, unit.end, at);
        LINVOX_REQUIRE(static_cast<std::size_t>(unit.end) <= codes.size(), DataError,
                       "unit {} ('{}') ends at frame {}, but there are only {} codes", i, unit.unit, unit.end,
                       codes.size());
        give(out.answer, plan.forced[i]);
        for (; at < unit.end; ++at) {
            out.answer.ids.push_back(vocabulary.code_id(codes[static_cast<std::size_t>(at)]));
        }
        out.answer.ids.push_back(vocabulary.next());
    }
    LINVOX_REQUIRE(static_cast<std::size_t>(at) == codes.size(), DataError,
                   "the units end at frame {}, but there are {} codes", at, codes.size());
    return out;
}

std::vector<std::int32_t> extract_codes(const Vocabulary& vocabulary,
                                        std::span<const std::int32_t> answer_ids) {
    std::vector<std::int32_t> codes;
    for (const std::int32_t id : answer_ids) {
        if (vocabulary.is_code(id)) codes.push_back(id - vocabulary.codec_start());
    }
    return codes;
}

std::vector<std::int32_t> unit_lengths(const Vocabulary& vocabulary, const TokenSequence& answer) {
    std::vector<std::int32_t> lengths;
    bool open = false;
    for (const std::int32_t id : answer.ids) {
        if (id == vocabulary.next()) {
            if (!open) lengths.push_back(0);
            open = false;
            continue;
        }
        if (!open) lengths.push_back(0);
        open = true;
        if (vocabulary.is_code(id)) ++lengths.back();
    }
    return lengths;
}

std::vector<StructureProblem> check_structure(const Vocabulary& vocabulary, const GenerationPlan& plan,
                                              const TokenSequence& answer, bool finished) {
    if (plan.forced.empty()) return check_plain(vocabulary, answer, finished);
    return AlignedWalk(vocabulary, plan, answer).run(finished);
}

}  // namespace linvox

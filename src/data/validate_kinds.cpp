// THE table of problems that validate_file() finds, and how findings are shown.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
#include "src/data/validate.h"

namespace linvox {

const std::vector<ProblemKind>& problem_kinds() {
    static const std::vector<ProblemKind> kinds = {
        {"not-json", Severity::error, "the line is no JSON object", kDropRecord},
        {"schema", Severity::error, "fields are missing or of the wrong kind", ""},
        {"mixed-forms", Severity::error, "the record has another form than the first one", ""},
        {"empty", Severity::error, "an empty prompt or answer", kDropRecord},
        {"identical-answers", Severity::error, "chosen and rejected are the same", kDropRecord},
        {"swapped-sides", Severity::error, "another record prefers what this one rejects", kDropRecord},
        {"no-preference", Severity::error, "answers of which none is better than another", kDropRecord},
        {"double-marks", Severity::error,
         "begin or end marks that stand twice, or will once the text is encoded", "take the marks off"},
        {"mark-in-answer", Severity::error, "an answer begins with the mark of a prompt's beginning", ""},
        {"too-long", Severity::error, "prompt and answer do not fit the model's context", kDropRecord},
        {"prompt-in-answer", Severity::error,
         "the answer repeats the prompt, so the prompt would be learned as answer", ""},
        {"not-a-prefix", Severity::error,
         "the prompt's tokens are not the beginning of the whole's: a token spans the border (where a chat "
         "template "
         "stands between them, name it: --template)",
         ""},
        {"bad-span", Severity::error, "a span is no part of its answer, stands out of order, or has no label",
         ""},
        {"one-sided-span", Severity::error, "chosen and rejected have spans with other labels", ""},
        {"bad-dialogue", Severity::error, "a conversation from which nothing can be learned", kDropRecord},
        {"marks-in-dialogue", Severity::error,
         "begin or end marks in a message, which the chat template adds a second time", ""},
        {"span-cuts-token", Severity::warning,
         "a span begins or ends inside a token, which counts to the part that it begins in", ""},
        {"cut-answer", Severity::error, "the chosen answer was cut by a length limit", kDropRecord},
        {"missing-gold", Severity::error, "the problem has no final answer", kDropRecord},
        {"duplicate", Severity::warning, "the same content as an earlier record", kDropRecord},
        {"cut-by-length", Severity::warning,
         "the chosen answer ends in mid-sentence or without an end id, unlike most of the file", ""},
        {"cut-candidates", Severity::warning,
         "all candidates of a prompt were cut by the length limit, and are never paired", ""},
        {"gold-not-a-number", Severity::warning, "the final answer is compared as text", ""},
        {"pad-is-end", Severity::warning,
         "the model pads with its end token: a trainer that masks padding by its id never learns to end. "
         "Linvox "
         "masks by length",
         ""},
        {"wrong-step", Severity::warning, "a worked step does not hold", ""},
    };
    return kinds;
}

const ProblemKind& problem_kind(const std::string& name) {
    const auto& all = problem_kinds();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const ProblemKind& k) { return k.name == name; });
    LINVOX_ASSERT(found != all.end(), "no problem kind '{}'", name);
    return *found;
}

std::int64_t ValidationReport::count(Severity severity) const {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& f) { return problem_kind(f.kind).severity == severity; });
}

std::int64_t ValidationReport::unfixable() const {
    return std::count_if(findings.begin(), findings.end(), [](const Finding& f) {
        const ProblemKind& kind = problem_kind(f.kind);
        return kind.severity == Severity::error && kind.fix.empty();
    });
}

std::string validation_text(const ValidationReport& report, const std::filesystem::path& path,
                            std::size_t most) {
    std::string text = fmt::format("{}: {} record(s), form {}; {} error(s), {} warning(s)\n", path.string(),
                                   report.records, report.form.empty() ? "unknown" : report.form,
                                   report.count(Severity::error), report.count(Severity::warning));
    for (const ProblemKind& kind : problem_kinds()) {
        std::vector<const Finding*> found;
        for (const Finding& finding : report.findings)
            if (finding.kind == kind.name) found.push_back(&finding);
        if (found.empty()) continue;
        text += fmt::format(
            "\n{} {} ({}): {}\n  fix: {}\n", kind.severity == Severity::error ? "error" : "warning",
            kind.name, found.size(), kind.doc,
            kind.fix.empty() ? "by hand; --fix leaves it as it is" : "--fix will " + kind.fix);
        for (std::size_t i = 0; i < std::min(most, found.size()); ++i)
            text += found[i]->line > 0
                        ? fmt::format("  {}:{}: {}\n", path.string(), found[i]->line, found[i]->detail)
                        : fmt::format("  {}\n", found[i]->detail);
        if (found.size() > most) text += fmt::format("  ... {} more\n", found.size() - most);
    }
    return text;
}

}  // namespace linvox

// Finds what is wrong with a data file before any training: every problem with its line, counted by kind, and
// a repaired copy where that is safe. Reads the forms of preference_texts.h, the same with ids
// (validate_ids.h), conversations (dialogues.h), math problems (math_records.h) and Linvox's own records
// (records.h). No weights are loaded; the prefix check needs a tokenizer from the caller, checks of ids what
// the model's directory says of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "src/text/chat_template.h"

namespace linvox {

enum class Severity { error, warning };

/// One kind of problem: a row of THE table, and what --fix does about it.
struct ProblemKind {
    std::string name;  // "identical-answers"
    Severity severity = Severity::error;
    std::string doc;  // what is wrong
    std::string fix;  // what --fix does; "" when only the user can repair it
};
/// The fix of a problem that makes its record useless.
inline constexpr const char* kDropRecord = "drop the record";
const std::vector<ProblemKind>& problem_kinds();
const ProblemKind& problem_kind(const std::string& name);

struct Finding {
    std::string kind;
    std::size_t line = 0;
    std::string detail;  // what was found there
};

/// What validate_file() found. `fixed_lines` are the lines that remain with --fix, repaired.
struct ValidationReport {
    std::string form;  // "trl", "gsm8k", "linvox pairs", ...
    std::int64_t records = 0;
    std::vector<Finding> findings;  // in order of lines
    std::vector<std::string> fixed_lines;
    std::int64_t dropped = 0, repaired = 0;

    std::int64_t count(Severity severity) const;
    /// Errors for which there is no fix: a file is usable after --fix when this is 0.
    std::int64_t unfixable() const;
};

/// Token ids of a text, for the prefix check; empty function: the check is left out.
using Tokenise = std::function<std::vector<std::int32_t>(const std::string&)>;

/// What a model says of token ids, zeros and empty lists where it says nothing; and its chat template.
struct ModelRules {
    std::int64_t vocab_size = 0, max_positions = 0;
    std::vector<std::int32_t> begin_ids = {}, end_ids = {};
    std::optional<ChatTemplate> form = {};  // none: prompt and answer stand side by side
};

/// From a model directory's tokenizer and, where it is there, config.json; or from a tokenizer's file.
ModelRules model_rules(const std::filesystem::path& model);

/// Reads the whole file, never stops at a problem. DataError only when it cannot be read at all.
ValidationReport validate_file(const std::filesystem::path& path, const Tokenise& tokenise = {},
                               const ModelRules& rules = {});

/// Adds a finding (line 0) where a model's directory gives padding and end the same token. DataError when one
/// of its JSON files cannot be read.
void find_pad_is_end(ValidationReport& report, const std::filesystem::path& model);

/// Counts by kind, then up to `most` findings of each kind as FILE:LINE with the fix.
std::string validation_text(const ValidationReport& report, const std::filesystem::path& path,
                            std::size_t most = 5);

}  // namespace linvox

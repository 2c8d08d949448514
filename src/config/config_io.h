// Configuration files: TOML to structs and back. toml++ stays behind this border.
//
// Precedence: defaults < base < file < chosen profile < --set overrides, all through one reader.
// `base = "other.toml"` at the top of a file lays it over another one of the same folder.
// A profile is a table [profile.NAME] of the same file whose keys are laid over the rest.
// Unknown keys, wrong types, ranges and choices are collected, sorted by line and thrown once:
//
//   2 problem(s) in the configuration:
//     run.toml:4:8: loss.kind = 'dop' is not one of dpo ipo lpo; did you mean 'dpo'?
//     run.toml:5:7: unknown key 'loss.bta'; did you mean 'loss.beta'?
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "src/config/visitor.h"

namespace linvox {

using VisitFunction = std::function<void(ConfigVisitor&)>;

/// A key that takes the place of others: where it is given, those of earlier layers are dropped.
struct KeyReplacement {
    std::string key;                    // "model.start"
    std::vector<std::string> replaced;  // "model.hidden_size", ...
};

struct ConfigSource {
    std::filesystem::path file;          // the recipe
    std::string profile;                 // "" or the name of a [profile.NAME] table
    std::vector<std::string> overrides;  // "loss.beta=0.2"; the value is TOML, bare words are strings
    std::filesystem::path base = {};     // set by the reader: the file that `base` names
    std::vector<KeyReplacement> replacements = {};
};

/// Fills the struct behind `visit`; throws ConfigError with every problem found.
void read_config(const ConfigSource& source, const VisitFunction& visit);

/// The text value of a top-level key as read_config would see it, or "" where there is none; what is wrong
/// with the file read_config tells. For keys that decide which other keys there are.
std::string peek_config(const ConfigSource& source, std::string_view key);

/// The same struct as TOML with the help texts as comments; read_config reads it back equal.
std::string config_to_toml(const VisitFunction& visit);

/// Every key in dotted form, in order ("align.loss.beta"); list items appear as "align.run[].beta".
std::vector<std::string> config_keys(const VisitFunction& visit);

/// Digest (SHA-256, hex) over keys and values: of all, or of the named top-level sections only.
std::string config_digest(const VisitFunction& visit, const std::vector<std::string>& sections = {});

}  // namespace linvox

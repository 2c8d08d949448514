// A TOML document as plain values that know where they stand. It keeps toml++ in toml_reader.cpp
// and lets profiles and overrides be laid over a file before a struct is filled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// Where a value comes from: source 0 is the recipe file, kBase the one it is laid over, i + 1 the i-th
/// override (no line there). Lines and columns start at 1; 0 means unknown.
struct TomlPlace {
    static constexpr int kBase = -1;
    int source = 0;
    int line = 0;
    int column = 0;
};

struct TomlValue {
    enum class Kind { boolean, integer, real, text, date, list, table };
    Kind kind = Kind::table;
    bool boolean = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
    std::vector<TomlValue> items;   // of a list or a table
    std::vector<std::string> keys;  // of a table, one for each item
    TomlPlace place;

    /// The member of a table, or nullptr.
    TomlValue* find(std::string_view key);
    const TomlValue* find(std::string_view key) const;
    /// Adds a member or replaces it.
    TomlValue& set(std::string_view key, TomlValue value);
    void erase(std::string_view key);
};

/// "the string 'ten'", "the integer 3", "a list": what a message says it got.
std::string describe(const TomlValue& value);

/// Thrown by parse_toml. `reason` is toml++'s own wording.
struct TomlSyntaxError {
    std::string reason;
    TomlPlace place;
};

/// The table of a whole document. Every place gets `source`.
TomlValue parse_toml(std::string_view document, int source);

/// Lays `over` over `base`: tables merge key by key, everything else is replaced, lists included.
void overlay(TomlValue& base, const TomlValue& over);

/// One "a.b=value" argument. The value is TOML, and whatever is not TOML is a string. A segment
/// that is a number picks a table of a list ("align.run.0.beta"). Returns "" or what is wrong.
std::string apply_override(TomlValue& root, std::string_view argument, int source);

}  // namespace linvox

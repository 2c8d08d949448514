// What may be laid over a recipe file: profiles (tables) and --set arguments.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "src/base/text.h"
#include "src/config/toml_tree.h"

namespace linvox {
namespace {

// Lines and columns of an argument mean nothing to the reader of a message.
void forget_lines(TomlValue& value) {
    value.place.line = value.place.column = 0;
    for (TomlValue& item : value.items) forget_lines(item);
}

// Bare words are strings, so that a shell needs no second pair of quotes.
TomlValue parse_override_value(const std::string& text, int source) {
    TomlValue value;
    value.kind = TomlValue::Kind::text;
    value.text = text;
    value.place.source = source;
    try {
        TomlValue document = parse_toml("value = " + text, source);
        // More than one key: the text held a line break and is no single value.
        if (document.keys.size() == 1) value = std::move(document.items[0]);
    } catch (const TomlSyntaxError&) {
    }
    forget_lines(value);
    return value;
}

// The table that an index picks out of a list of tables, or nullptr.
TomlValue* pick(TomlValue& list, const std::string& segment) {
    std::size_t index = 0;
    const char* end = segment.data() + segment.size();
    const auto [stop, error] = std::from_chars(segment.data(), end, index);
    if (error != std::errc() || stop != end || index >= list.items.size()) return nullptr;
    return &list.items[index];
}

}  // namespace

TomlValue* TomlValue::find(std::string_view key) {
    return const_cast<TomlValue*>(std::as_const(*this).find(key));
}

const TomlValue* TomlValue::find(std::string_view key) const {
    const auto at = std::find(keys.begin(), keys.end(), key);
    return at == keys.end() ? nullptr : &items[static_cast<std::size_t>(at - keys.begin())];
}

TomlValue& TomlValue::set(std::string_view key, TomlValue value) {
    if (TomlValue* old = find(key)) return *old = std::move(value);
    keys.emplace_back(key);
    return items.emplace_back(std::move(value));
}

void TomlValue::erase(std::string_view key) {
    const auto at = std::find(keys.begin(), keys.end(), key);
    if (at == keys.end()) return;
    items.erase(items.begin() + (at - keys.begin()));
    keys.erase(at);
}

std::string describe(const TomlValue& value) {
    switch (value.kind) {
        case TomlValue::Kind::boolean:
            return value.boolean ? "true" : "false";
        case TomlValue::Kind::integer:
            return fmt::format("the integer {}", value.integer);
        case TomlValue::Kind::real:
            return fmt::format("the number {}", value.real);
        case TomlValue::Kind::text:
            return fmt::format("the string '{}'", value.text);
        case TomlValue::Kind::date:
            return "a date or time";
        case TomlValue::Kind::list:
            return "a list";
        case TomlValue::Kind::table:
            break;
    }
    return "a table";
}

void overlay(TomlValue& base, const TomlValue& over) {
    for (std::size_t i = 0; i < over.keys.size(); ++i) {
        TomlValue* old = base.find(over.keys[i]);
        const bool both_tables =
            old && old->kind == TomlValue::Kind::table && over.items[i].kind == TomlValue::Kind::table;
        if (both_tables) {
            overlay(*old, over.items[i]);
        } else {
            base.set(over.keys[i], over.items[i]);
        }
    }
}

std::string apply_override(TomlValue& root, std::string_view argument, int source) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string_view::npos) return "must be key=value, for example --set train.steps=100";
    TomlValue* at = &root;
    std::vector<std::string> path = split(argument.substr(0, equals), '.');
    for (std::string& segment : path) segment = trim(segment);
    const std::string last = path.back();
    path.pop_back();
    for (const std::string& segment : path) {
        if (segment.empty()) return "a part of the key is empty";
        if (at->kind == TomlValue::Kind::list) {
            at = pick(*at, segment);
            if (!at) return fmt::format("the list has no table number '{}'; numbers start at 0", segment);
            continue;
        }
        TomlValue* next = at->find(segment);
        TomlValue table;
        table.place = {source, 0, 0};
        const bool descend =
            next && (next->kind == TomlValue::Kind::table || next->kind == TomlValue::Kind::list);
        at = descend ? next : &at->set(segment, table);
    }
    if (last.empty()) return "a part of the key is empty";
    if (at->kind != TomlValue::Kind::table)
        return fmt::format(
            "{0} is a list: a key must follow the number of one of its tables, as in {0}.0.KEY=VALUE",
            fmt::join(path, "."));
    at->set(last, parse_override_value(trim(argument.substr(equals + 1)), source));
    return "";
}

}  // namespace linvox

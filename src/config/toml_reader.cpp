// toml++ to TomlValue. The only file that includes toml++, which costs four seconds to compile.
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "src/config/toml_tree.h"

namespace linvox {
namespace {

TomlPlace place_of(const toml::source_region& region, int source) {
    return {source, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

TomlValue convert(const toml::node& node, int source) {
    TomlValue value;
    value.place = place_of(node.source(), source);
    if (const auto* table = node.as_table()) {
        for (auto&& [key, member] : *table) {
            value.keys.emplace_back(static_cast<std::string_view>(key));
            value.items.push_back(convert(member, source));
        }
    } else if (const auto* list = node.as_array()) {
        value.kind = TomlValue::Kind::list;
        for (const toml::node& item : *list) value.items.push_back(convert(item, source));
    } else if (const auto* text = node.as_string()) {
        value.kind = TomlValue::Kind::text;
        value.text = text->get();
    } else if (const auto* integer = node.as_integer()) {
        value.kind = TomlValue::Kind::integer;
        value.integer = integer->get();
    } else if (const auto* real = node.as_floating_point()) {
        value.kind = TomlValue::Kind::real;
        value.real = real->get();
    } else if (const auto* boolean = node.as_boolean()) {
        value.kind = TomlValue::Kind::boolean;
        value.boolean = boolean->get();
    } else {
        value.kind = TomlValue::Kind::date;
    }
    return value;
}

}  // namespace

TomlValue parse_toml(std::string_view document, int source) {
    try {
        return convert(toml::parse(document), source);
    } catch (const toml::parse_error& error) {
        throw TomlSyntaxError{std::string(error.description()), place_of(error.source(), source)};
    }
}

}  // namespace linvox

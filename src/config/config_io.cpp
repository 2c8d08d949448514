// Reads a recipe: file, profile and overrides become one tree, and the tree fills the structs.
#include "src/config/config_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/config/problems.h"

namespace linvox {
namespace {

using Kind = TomlValue::Kind;

TomlValue parse_file(const std::filesystem::path& file, int place, Problems& problems) {
    if (file.empty()) return {};
    try {
        return parse_toml(read_file(file), place);
    } catch (const TomlSyntaxError& error) {
        problems.add(error.place, error.reason);
        problems.throw_if_any();
        throw;
    }
}

// The document that `base = "FILE"` names, or nothing. FILE stands in the recipe's own folder, so that
// relative paths mean the same in both, and has no base itself.
TomlValue take_base(TomlValue& root, ConfigSource& source, Problems& problems) {
    const TomlValue* found = root.find("base");
    if (!found) return {};
    const TomlValue name = *found;
    root.erase("base");
    if (name.kind != Kind::text || std::filesystem::path(name.text).has_parent_path()) {
        problems.add(name.place,
                     fmt::format("base must name a recipe in the same folder, got {}", describe(name)));
        problems.throw_if_any();  // without a base the keys below would look wrong too
    }
    source.base = source.file.parent_path() / name.text;
    if (!std::filesystem::exists(source.base)) {
        problems.add(name.place, fmt::format("base = '{}': there is no such file", name.text));
        problems.throw_if_any();
    }
    TomlValue base = parse_file(source.base, TomlPlace::kBase, problems);
    if (const TomlValue* another = base.find("base")) {
        problems.add(another->place, "a recipe that is a base must not have one itself");
        base.erase("base");
    }
    return base;
}

// Takes the profiles out of the document; all that are tables, by name.
TomlValue take_profiles(TomlValue& root, Problems& problems) {
    TomlValue profiles;
    const TomlValue* found = root.find("profile");
    if (!found) return profiles;
    if (found->kind != Kind::table) {
        problems.add(found->place,
                     fmt::format("profile must hold tables ([profile.NAME]), got {}", describe(*found)));
    }
    for (std::size_t i = 0; i < found->keys.size(); ++i) {
        if (found->items[i].kind == Kind::table) {
            profiles.set(found->keys[i], found->items[i]);
        } else {
            problems.add(found->items[i].place,
                         fmt::format("profile.{} must be a table ([profile.{}]), got {}", found->keys[i],
                                     found->keys[i], describe(found->items[i])));
        }
    }
    root.erase("profile");
    return profiles;
}

// The layers of a recipe as they stand in the files: base, the file itself, and the profiles of both.
struct Layers {
    TomlValue base, recipe, profiles;
};

Layers read_layers(ConfigSource& source, Problems& problems) {
    Layers layers;
    layers.recipe = parse_file(source.file, 0, problems);
    layers.base = take_base(layers.recipe, source, problems);
    layers.profiles = take_profiles(layers.base, problems);
    overlay(layers.profiles, take_profiles(layers.recipe, problems));
    return layers;
}

// The table that holds a dotted key, and the key's last part; nullptr where there is none.
std::pair<TomlValue*, std::string> table_of(TomlValue& root, const std::string& key) {
    const std::vector<std::string> parts = split(key, '.');
    TomlValue* table = &root;
    for (std::size_t i = 0; table && i + 1 < parts.size(); ++i) {
        table = table->find(parts[i]);
        if (table && table->kind != Kind::table) table = nullptr;
    }
    return {table, parts.back()};
}

void drop_replaced(TomlValue& root, const KeyReplacement& rule) {
    // Base, then file and profile, then --set.
    const auto layer = [](const TomlValue& value) { return std::min(value.place.source, 1); };
    const auto [table, name] = table_of(root, rule.key);
    const TomlValue* value = table ? table->find(name) : nullptr;
    if (!value) return;
    const int given_in = layer(*value);
    for (const std::string& key : rule.replaced) {
        const auto [holder, last] = table_of(root, key);
        const TomlValue* other = holder ? holder->find(last) : nullptr;
        if (other && layer(*other) < given_in) holder->erase(last);
    }
}

// All layers in one tree: what the structs are filled from.
TomlValue merge_layers(const Layers& layers, const ConfigSource& source, Problems& problems) {
    TomlValue root = layers.base;
    overlay(root, layers.recipe);
    if (!source.profile.empty()) {
        if (const TomlValue* chosen = layers.profiles.find(source.profile)) {
            overlay(root, *chosen);
        } else {
            const std::vector<std::string>& names = layers.profiles.keys;
            problems.add({}, fmt::format("no profile '{}'{}; profiles here: {}", source.profile,
                                         did_you_mean(source.profile, names),
                                         names.empty() ? "none" : join(names, " ")));
        }
    }
    for (std::size_t i = 0; i < source.overrides.size(); ++i) {
        const int place = static_cast<int>(i) + 1;
        const std::string wrong = apply_override(root, source.overrides[i], place);
        if (!wrong.empty()) problems.add({place, 0, 0}, wrong);
    }
    for (const KeyReplacement& rule : source.replacements) drop_replaced(root, rule);
    return root;
}

}  // namespace

void read_config(const ConfigSource& given, const VisitFunction& visit) {
    ConfigSource source = given;
    Problems problems(source);
    const std::vector<std::string> all_keys = config_keys(visit);
    const auto walk = [&](const TomlValue& tree, bool assign) {
        read_tree(tree, assign, source, all_keys, visit, problems);
    };
    const Layers layers = read_layers(source, problems);
    // Every layer is checked by itself, so that no layer hides the mistakes of another.
    walk(layers.base, false);
    walk(layers.recipe, false);
    for (const TomlValue& profile : layers.profiles.items) walk(profile, false);
    walk(merge_layers(layers, source, problems), true);
    problems.throw_if_any();
}

std::string peek_config(const ConfigSource& given, std::string_view key) {
    ConfigSource source = given;
    Problems unheard(source);
    try {
        const TomlValue root = merge_layers(read_layers(source, unheard), source, unheard);
        const TomlValue* found = root.find(key);
        return found && found->kind == Kind::text ? found->text : "";
    } catch (const UserError&) {
        return "";
    }
}

}  // namespace linvox

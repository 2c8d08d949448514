// The visitor that fills config structs from TomlValues; see read_tree in problems.h.
// Every converter reports what is wrong and goes on, so that one run shows all mistakes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/config/problems.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

using Kind = TomlValue::Kind;

std::string range_text(const Range& range) {
    if (std::isinf(range.high)) return fmt::format("at least {}", range.low);
    if (std::isinf(range.low)) return fmt::format("at most {}", range.high);
    return fmt::format("in [{}, {}]", range.low, range.high);
}

class ConfigReader : public ConfigVisitor {
public:
    ConfigReader(const TomlValue& root, const ConfigSource& source, const std::vector<std::string>& all_keys,
                 bool assign, Problems& problems)
        : source_(source), all_keys_(all_keys), assign_(assign), problems_(problems) {
        tables_.push_back({&root, "", {}});
    }

    void finish() { report_unknown(); }

    void field(std::string_view key, bool& value, std::string_view) override {
        read(key, value, [this](const std::string& name, const TomlValue& node, bool& out) {
            return read_boolean(name, node, out);
        });
    }
    void field(std::string_view key, std::int64_t& value, std::string_view, Range range) override {
        read(key, value, [&](const std::string& name, const TomlValue& node, std::int64_t& out) {
            return read_integer(name, node, range, out);
        });
    }
    void field(std::string_view key, double& value, std::string_view, Range range) override {
        read(key, value, [&](const std::string& name, const TomlValue& node, double& out) {
            return read_real(name, node, range, out);
        });
    }
    void field(std::string_view key, std::string& value, std::string_view) override {
        read(key, value, [this](const std::string& name, const TomlValue& node, std::string& out) {
            return read_text(name, node, {}, out);
        });
    }
    void choice(std::string_view key, std::string& value, std::string_view, const Choices& allowed) override {
        read(key, value, [&](const std::string& name, const TomlValue& node, std::string& out) {
            return read_text(name, node, allowed, out);
        });
        const bool known = std::find(allowed.begin(), allowed.end(), value) != allowed.end();
        LINVOX_ASSERT(known, "the default '{}' of {} is not one of its choices", value, name_of(key));
    }
    void path(std::string_view key, fs::path& value, std::string_view) override {
        std::string text;
        const TomlValue* node =
            read(key, text, [this](const std::string& name, const TomlValue& n, std::string& out) {
                return read_text(name, n, {}, out);
            });
        if (!assign_) return;
        if (node) value = text;
        const bool from_argument = node && node->place.source > 0;
        if (!value.empty())
            value = fs::absolute((from_argument ? fs::path() : source_.file.parent_path()) / value)
                        .lexically_normal();
    }
    void field(std::string_view key, std::vector<double>& value, std::string_view, Range range) override {
        read_list(key, value, "numbers", [&](const std::string& name, const TomlValue& node, double& out) {
            return read_real(name, node, range, out);
        });
    }
    void field(std::string_view key, std::vector<std::int64_t>& value, std::string_view,
               Range range) override {
        read_list(key, value, "integers",
                  [&](const std::string& name, const TomlValue& node, std::int64_t& out) {
                      return read_integer(name, node, range, out);
                  });
    }
    void field(std::string_view key, std::vector<std::string>& value, std::string_view,
               const Choices& allowed) override {
        read_list(key, value, "strings",
                  [&](const std::string& name, const TomlValue& node, std::string& out) {
                      return read_text(name, node, allowed, out);
                  });
    }

protected:
    bool begin_section(std::string_view key, std::string_view) override {
        const std::string name = name_of(key);
        const TomlValue* node = find(key);
        if (node && node->kind != Kind::table) {
            problems_.add(node->place,
                          fmt::format("{} must be a table ([{}]), got {}", name, name, describe(*node)));
            node = nullptr;
        }
        tables_.push_back({node, name + ".", {}});
        return true;
    }
    void end_section() override {
        report_unknown();
        tables_.pop_back();
    }
    void begin_list(std::string_view key, std::string_view, std::size_t size,
                    const std::function<void(std::size_t)>& resize) override {
        const std::string name = name_of(key);
        const TomlValue* node = find(key);
        if (node && !is_list_of_tables(*node)) {
            problems_.add(node->place,
                          fmt::format("{} must be a list of tables ([[{}]]), got {}", name, name,
                                      node->kind == Kind::list ? "a list of other values" : describe(*node)));
            node = nullptr;
        }
        lists_.push_back({node, name, size, resize});
        if (!node) return;
        if (assign_) resize(0);  // items start from the defaults, not from what stood there
        if (assign_ || node->items.size() > size) resize(node->items.size());
    }
    void begin_item(std::size_t index) override {
        const List& list = lists_.back();
        const bool given = list.node && index < list.node->items.size();
        tables_.push_back(
            {given ? &list.node->items[index] : nullptr, fmt::format("{}[{}].", list.name, index), {}});
    }
    void end_item() override { end_section(); }
    void end_list() override {
        if (!assign_ && lists_.back().node) lists_.back().resize(lists_.back().size);
        lists_.pop_back();
    }

private:
    struct Table {
        const TomlValue* node;  // nullptr: absent, so everything keeps its default
        std::string prefix;     // "" or "align.loss."
        std::vector<std::string> known;
    };
    struct List {
        const TomlValue* node;
        std::string name;
        std::size_t size;
        std::function<void(std::size_t)> resize;
    };

    static bool is_list_of_tables(const TomlValue& node) {
        return node.kind == Kind::list &&
               std::all_of(node.items.begin(), node.items.end(),
                           [](const TomlValue& item) { return item.kind == Kind::table; });
    }

    std::string name_of(std::string_view key) const { return tables_.back().prefix + std::string(key); }

    const TomlValue* find(std::string_view key) {
        Table& table = tables_.back();
        const bool fresh = std::find(table.known.begin(), table.known.end(), key) == table.known.end();
        LINVOX_ASSERT(fresh, "{} is named twice in visit()", name_of(key));
        table.known.emplace_back(key);
        return table.node ? table.node->find(key) : nullptr;
    }

    void complain(const TomlValue& node, const std::string& name, std::string_view expected) {
        problems_.add(node.place, fmt::format("{} must be {}, got {}", name, expected, describe(node)));
    }

    // Converts into a copy and keeps it only when it is right. Returns the value's node, if right.
    template <typename T, typename Convert>
    const TomlValue* read(std::string_view key, T& value, Convert convert) {
        const TomlValue* node = find(key);
        T converted{};
        if (!node || !convert(name_of(key), *node, converted)) return nullptr;
        if (assign_) value = std::move(converted);
        return node;
    }

    template <typename T, typename Convert>
    void read_list(std::string_view key, std::vector<T>& value, std::string_view what, Convert convert) {
        read(key, value, [&](const std::string& name, const TomlValue& node, std::vector<T>& out) {
            if (node.kind != Kind::list) {
                complain(node, name, fmt::format("a list of {}", what));
                return false;
            }
            bool right = true;
            for (std::size_t i = 0; i < node.items.size(); ++i) {
                T item{};
                right = convert(fmt::format("{}[{}]", name, i), node.items[i], item) && right;
                out.push_back(std::move(item));
            }
            return right;
        });
    }

    bool read_boolean(const std::string& name, const TomlValue& node, bool& out) {
        if (node.kind != Kind::boolean) complain(node, name, "true or false");
        out = node.boolean;
        return node.kind == Kind::boolean;
    }

    bool read_integer(const std::string& name, const TomlValue& node, const Range& range, std::int64_t& out) {
        if (node.kind != Kind::integer) {
            complain(node, name, "an integer");
            return false;
        }
        out = node.integer;
        return in_range(name, node, static_cast<double>(out), fmt::format("{}", out), range);
    }

    bool read_real(const std::string& name, const TomlValue& node, const Range& range, double& out) {
        if (node.kind != Kind::integer && node.kind != Kind::real) {
            complain(node, name, "a number");
            return false;
        }
        out = node.kind == Kind::integer ? static_cast<double>(node.integer) : node.real;
        if (std::isnan(out)) complain(node, name, "a number");
        return !std::isnan(out) && in_range(name, node, out, fmt::format("{}", out), range);
    }

    bool in_range(const std::string& name, const TomlValue& node, double value, const std::string& shown,
                  const Range& range) {
        if (value >= range.low && value <= range.high) return true;
        problems_.add(node.place, fmt::format("{} = {} must be {}", name, shown, range_text(range)));
        return false;
    }

    bool read_text(const std::string& name, const TomlValue& node, const Choices& allowed, std::string& out) {
        if (node.kind != Kind::text) {
            complain(node, name, "a string");
            return false;
        }
        out = node.text;
        if (allowed.empty() || std::find(allowed.begin(), allowed.end(), out) != allowed.end()) return true;
        problems_.add(node.place, fmt::format("{} = '{}' is not one of {}{}", name, out, join(allowed, " "),
                                              did_you_mean(out, allowed)));
        return false;
    }

    void report_unknown() {
        const Table& table = tables_.back();
        if (!table.node) return;
        for (std::size_t i = 0; i < table.node->keys.size(); ++i) {
            const std::string& key = table.node->keys[i];
            if (std::find(table.known.begin(), table.known.end(), key) != table.known.end()) continue;
            problems_.add(table.node->items[i].place,
                          fmt::format("unknown key '{}{}'{}", table.prefix, key, suggestion(table, key)));
        }
    }

    // A misspelt neighbour, the same key in another section, or else what is known here.
    std::string suggestion(const Table& table, const std::string& key) const {
        std::vector<std::string> likely;
        for (const std::string& full : all_keys_) {
            if (full.ends_with("." + key)) likely.push_back("'" + full + "'");
        }
        if (likely.size() > 3) likely.clear();
        const std::string nearest = nearest_name(key, table.known);
        if (!nearest.empty()) likely.insert(likely.begin(), fmt::format("'{}{}'", table.prefix, nearest));
        if (!likely.empty()) return "; did you mean " + join(likely, " or ") + "?";
        return table.known.empty() ? "" : "; known here: " + join(table.known, " ");
    }

    const ConfigSource& source_;
    const std::vector<std::string>& all_keys_;
    const bool assign_;
    Problems& problems_;
    std::vector<Table> tables_;
    std::vector<List> lists_;
};

}  // namespace

void read_tree(const TomlValue& root, bool assign, const ConfigSource& source,
               const std::vector<std::string>& all_keys, const VisitFunction& visit, Problems& problems) {
    ConfigReader reader(root, source, all_keys, assign, problems);
    visit(reader);
    reader.finish();
}

}  // namespace linvox

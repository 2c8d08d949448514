// Walks config structs into a tree of printed values: TOML with help, the key list, the digest.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"
#include "src/config/config_io.h"

namespace linvox {
namespace {

struct Node {
    enum class Kind { value, section, list, item };
    Kind kind = Kind::value;
    std::string key;    // without its section; "" for items and the root
    std::string help;   // with range or choices
    std::string value;  // TOML, of values
    std::vector<Node> children;
    bool example = false;  // the one item of a list that is empty: it shows the keys, no values
};

std::string print(bool value) { return value ? "true" : "false"; }

std::string print(std::int64_t value) { return fmt::format("{}", value); }

// The shortest digits that read back equal; TOML tells a real from an integer by its point.
std::string print(double value) {
    const std::string digits = fmt::format("{}", value);
    return digits.find_first_of(".eni") == std::string::npos ? digits + ".0" : digits;
}

std::string print(const std::string& value) {
    code_points(value);  // DataError: TOML cannot hold bytes that are not UTF-8
    std::string quoted = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            quoted += fmt::format("\\{}", c);
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

template <typename T>
std::string print(const std::vector<T>& values) {
    std::vector<std::string> parts;
    for (const T& value : values) parts.push_back(print(value));
    return "[" + join(parts, ", ") + "]";
}

std::string range_help(const Range& range) {
    if (std::isinf(range.low) && std::isinf(range.high)) return "";
    if (std::isinf(range.high)) return fmt::format(" (at least {})", range.low);
    if (std::isinf(range.low)) return fmt::format(" (at most {})", range.high);
    return fmt::format(" ({} to {})", range.low, range.high);
}

std::string choice_help(const Choices& allowed) {
    return allowed.empty() ? "" : " (" + join(allowed, " ") + ")";
}

class TreeBuilder : public ConfigVisitor {
public:
    TreeBuilder() { open_.push_back({.kind = Node::Kind::section}); }
    Node take() { return std::move(open_.front()); }

    void field(std::string_view key, bool& value, std::string_view help) override {
        add(key, value, help, " (true false)");
    }
    void field(std::string_view key, std::int64_t& value, std::string_view help, Range range) override {
        add(key, value, help, range_help(range));
    }
    void field(std::string_view key, double& value, std::string_view help, Range range) override {
        add(key, value, help, range_help(range));
    }
    void field(std::string_view key, std::string& value, std::string_view help) override {
        add(key, value, help, "");
    }
    void choice(std::string_view key, std::string& value, std::string_view help,
                const Choices& allowed) override {
        add(key, value, help, choice_help(allowed));
    }
    void path(std::string_view key, std::filesystem::path& value, std::string_view help) override {
        add(key, value.string(), help, "");
    }
    void field(std::string_view key, std::vector<double>& value, std::string_view help,
               Range range) override {
        add(key, value, help, range_help(range));
    }
    void field(std::string_view key, std::vector<std::int64_t>& value, std::string_view help,
               Range range) override {
        add(key, value, help, range_help(range));
    }
    void field(std::string_view key, std::vector<std::string>& value, std::string_view help,
               const Choices& allowed) override {
        add(key, value, help, choice_help(allowed));
    }

protected:
    bool begin_section(std::string_view key, std::string_view help) override {
        open_.push_back({.kind = Node::Kind::section, .key = std::string(key), .help = std::string(help)});
        return true;
    }
    void end_section() override { close(); }
    // An empty list grows one item for a moment, to learn its keys.
    void begin_list(std::string_view key, std::string_view help, std::size_t size,
                    const std::function<void(std::size_t)>& resize) override {
        open_.push_back({.kind = Node::Kind::list,
                         .key = std::string(key),
                         .help = std::string(help),
                         .example = size == 0});
        resize_.push_back(resize);
        if (size == 0) resize(1);
    }
    void begin_item(std::size_t) override {
        open_.push_back({.kind = Node::Kind::item, .example = open_.back().example});
    }
    void end_item() override { close(); }
    void end_list() override {
        if (open_.back().example) resize_.back()(0);
        resize_.pop_back();
        close();
    }

private:
    template <typename T>
    void add(std::string_view key, const T& value, std::string_view help, const std::string& allowed) {
        open_.back().children.push_back(
            {.key = std::string(key), .help = std::string(help) + allowed, .value = print(value)});
    }
    void close() {
        Node done = std::move(open_.back());
        open_.pop_back();
        open_.back().children.push_back(std::move(done));
    }

    std::vector<Node> open_;
    std::vector<std::function<void(std::size_t)>> resize_;
};

Node tree_of(const VisitFunction& visit) {
    TreeBuilder builder;
    visit(builder);
    return builder.take();
}

constexpr std::size_t kCommentWidth = 100;

std::string comment(const std::string& help) {
    std::string text, line = "#";
    for (const std::string& word : split_words(help)) {
        if (line.size() > 1 && line.size() + 1 + word.size() > kCommentWidth) {
            text += std::exchange(line, "#") + "\n";
        }
        line += " " + word;
    }
    return line == "#" ? text : text + line + "\n";
}

// TOML wants the values of a table before its sub-tables.
void print_table(const Node& table, const std::string& name, std::string& out) {
    for (const Node& child : table.children) {
        if (child.kind == Node::Kind::value)
            out += fmt::format("{}{} = {}\n", comment(child.help), child.key, child.value);
        if (child.example)
            out += fmt::format("{}{} = []  # or tables [[{}{}]]\n", comment(child.help), child.key, name,
                               child.key);
    }
    for (const Node& child : table.children) {
        const std::string full = name + child.key;
        if (child.kind == Node::Kind::section) {
            out += fmt::format("\n{}[{}]\n", comment(child.help), full);
            print_table(child, full + ".", out);
        }
        if (child.kind != Node::Kind::list || child.example) continue;
        for (std::size_t i = 0; i < child.children.size(); ++i) {
            out += fmt::format("\n{}[[{}]]\n", i == 0 ? comment(child.help) : "", full);
            print_table(child.children[i], full + ".", out);
        }
    }
}

void collect_keys(const Node& node, const std::string& prefix, std::vector<std::string>& keys) {
    if (node.kind == Node::Kind::value) keys.push_back(prefix + node.key);
    std::string inner = prefix + node.key;
    if (node.kind == Node::Kind::list) inner += "[]";
    if (!inner.empty() && node.kind != Node::Kind::item) inner += ".";
    for (const Node& child : node.children) {
        collect_keys(child, inner, keys);
        if (node.kind == Node::Kind::list) return;  // all items have the same keys
    }
}

void digest_node(const Node& node, const std::string& name, Sha256& digest) {
    if (node.kind == Node::Kind::value) digest.add(fmt::format("{}={}\n", name, node.value));
    if (node.example) return;  // an empty list adds nothing
    for (std::size_t i = 0; i < node.children.size(); ++i) {
        const Node& child = node.children[i];
        digest_node(child, name + "." + (child.kind == Node::Kind::item ? fmt::format("{}", i) : child.key),
                    digest);
    }
}

}  // namespace

std::string config_to_toml(const VisitFunction& visit) {
    std::string text;
    print_table(tree_of(visit), "", text);
    return text.starts_with('\n') ? text.substr(1) : text;
}

std::vector<std::string> config_keys(const VisitFunction& visit) {
    std::vector<std::string> keys;
    collect_keys(tree_of(visit), "", keys);
    return keys;
}

std::string config_digest(const VisitFunction& visit, const std::vector<std::string>& sections) {
    const Node root = tree_of(visit);
    Sha256 digest;
    for (const std::string& section : sections) {
        const bool known = std::any_of(root.children.begin(), root.children.end(),
                                       [&](const Node& n) { return n.key == section; });
        LINVOX_ASSERT(known, "config_digest: no section '{}'", section);
    }
    for (const Node& child : root.children) {
        const bool wanted =
            sections.empty() || std::find(sections.begin(), sections.end(), child.key) != sections.end();
        if (wanted) digest_node(child, child.key, digest);
    }
    return digest.hex();
}

}  // namespace linvox

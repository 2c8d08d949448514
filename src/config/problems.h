// What is wrong with a configuration, gathered so that everything is told at once.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "src/config/config_io.h"
#include "src/config/toml_tree.h"

namespace linvox {

/// Sorted by place; the same complaint about one place counts once.
class Problems {
public:
    explicit Problems(const ConfigSource& source) : source_(source) {}
    void add(const TomlPlace& place, const std::string& text);
    /// ConfigError with one line for each problem.
    void throw_if_any() const;

private:
    std::string where(const TomlPlace& place) const;

    const ConfigSource& source_;
    std::set<std::tuple<int, int, int, std::string>> found_;
};

/// "; did you mean 'lpo'?" or "".
std::string did_you_mean(std::string_view name, const Choices& allowed);

/// Walks `visit` over the tables of `root` and reports what does not fit. With `assign` the structs
/// take the values; without it they keep what they hold. `all_keys` serves suggestions.
void read_tree(const TomlValue& root, bool assign, const ConfigSource& source,
               const std::vector<std::string>& all_keys, const VisitFunction& visit, Problems& problems);

}  // namespace linvox

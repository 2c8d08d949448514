// Problems of a configuration as text; see problems.h.
#include "src/config/problems.h"

#include <fmt/format.h>

#include "src/base/error.h"
#include "src/base/text.h"

namespace linvox {

void Problems::add(const TomlPlace& place, const std::string& text) {
    found_.insert({place.source, place.line, place.column, text});
}

void Problems::throw_if_any() const {
    if (found_.empty()) return;
    std::string message = fmt::format("{} problem(s) in the configuration:", found_.size());
    for (const auto& [source, line, column, text] : found_) {
        message += fmt::format("\n  {}: {}", where({source, line, column}), text);
    }
    throw ConfigError(message);
}

std::string Problems::where(const TomlPlace& place) const {
    if (place.source > 0) return "--set " + source_.overrides[static_cast<std::size_t>(place.source) - 1];
    const auto& path = place.source == TomlPlace::kBase ? source_.base : source_.file;
    const std::string file = path.empty() ? "configuration" : path.string();
    return place.line > 0 ? fmt::format("{}:{}:{}", file, place.line, place.column) : file;
}

std::string did_you_mean(std::string_view name, const Choices& allowed) {
    const std::string nearest = nearest_name(name, allowed);
    return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

}  // namespace linvox

// The one list of a configuration's fields. Each config struct names its fields once:
//
//   void visit(ConfigVisitor& v) {
//       v.field("beta", beta, "inverse temperature of the implicit reward", Range{1e-6, 100.0});
//       v.section("optimiser", optimiser, "AdamW");
//   }
//
// Reading, help text, printing, the key list and the resolved file all walk visit().
// This header knows nothing of TOML.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace linvox {

/// Closed interval of allowed values.
struct Range {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
};

/// The allowed names of a choice.
using Choices = std::vector<std::string>;

class ConfigVisitor {
public:
    virtual ~ConfigVisitor() = default;
    virtual void field(std::string_view key, bool& value, std::string_view help) = 0;
    virtual void field(std::string_view key, std::int64_t& value, std::string_view help,
                       Range range = {}) = 0;
    virtual void field(std::string_view key, double& value, std::string_view help, Range range = {}) = 0;
    virtual void field(std::string_view key, std::string& value, std::string_view help) = 0;
    virtual void choice(std::string_view key, std::string& value, std::string_view help,
                        const Choices& allowed) = 0;
    /// After reading the path is absolute: relative ones, defaults too, start at the recipe file's
    /// folder, those given by --set at the current one. An empty path stays empty.
    virtual void path(std::string_view key, std::filesystem::path& value, std::string_view help) = 0;
    virtual void field(std::string_view key, std::vector<double>& value, std::string_view help,
                       Range range = {}) = 0;
    virtual void field(std::string_view key, std::vector<std::int64_t>& value, std::string_view help,
                       Range range = {}) = 0;
    /// With a non-empty `allowed`, every entry must be one of them.
    virtual void field(std::string_view key, std::vector<std::string>& value, std::string_view help,
                       const Choices& allowed = {}) = 0;

    /// A nested table. `Section` has visit(ConfigVisitor&).
    template <typename Section>
    void section(std::string_view key, Section& value, std::string_view help) {
        if (!begin_section(key, help)) return;
        value.visit(*this);
        end_section();
    }
    /// A list of tables ([[key]]), each of type Section.
    template <typename Section>
    void sections(std::string_view key, std::vector<Section>& values, std::string_view help) {
        begin_list(key, help, values.size(), [&values](std::size_t n) { values.resize(n); });
        for (std::size_t i = 0; i < values.size(); ++i) {
            begin_item(i);
            values[i].visit(*this);
            end_item();
        }
        end_list();
    }

protected:
    virtual bool begin_section(std::string_view key, std::string_view help) = 0;
    virtual void end_section() = 0;
    /// A reader calls `resize` with the number of tables found, unless the key is absent.
    virtual void begin_list(std::string_view key, std::string_view help, std::size_t size,
                            const std::function<void(std::size_t)>& resize) = 0;
    virtual void begin_item(std::size_t index) = 0;
    virtual void end_item() = 0;
    virtual void end_list() = 0;
};

}  // namespace linvox

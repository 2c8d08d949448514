// JSON and JSON-lines files with errors that name file, line and reason.
// Strict: NaN, Infinity and repeated keys are refused; numbers are written so that they read back
// equal.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace linvox {

/// Calls `visit(record, line_number)` for every non-blank line; line numbers start at 1.
/// CRLF, a UTF-8 byte order mark and a last line without newline are accepted.
/// Throws DataError ("path:line: ...") on a missing file, a line that is not a JSON object, or
/// a repeated key. A DataError thrown by `visit`, or nlohmann-json's own complaint about a missing
/// key or a wrong type, becomes a DataError with "path:line: " put in front.
void for_each_json_line(const std::filesystem::path& path,
                        const std::function<void(const nlohmann::json&, std::size_t)>& visit);

/// One JSON document; throws DataError naming file, line and column.
nlohmann::json read_json(const std::filesystem::path& path);

/// Pretty-printed and written atomically (files.h). Non-finite numbers are a BugError.
void write_json(const std::filesystem::path& path, const nlohmann::json& document);

/// Writes records one a line. With `append` the records are added and flushed one by one, and a
/// torn last line (no newline) left by a killed run is cut first; without it the file appears
/// whole, at close(), or not at all. A record that did not fit on the disk is cut off again.
/// UserError with the system's reason; BugError for a number that is not finite.
class JsonLinesWriter {
public:
    enum class Mode { whole, append };
    JsonLinesWriter(const std::filesystem::path& path, Mode mode);
    ~JsonLinesWriter();  // without close(), a `whole` file is dropped
    JsonLinesWriter(JsonLinesWriter&&) noexcept;
    void write(const nlohmann::json& record);
    void close();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace linvox

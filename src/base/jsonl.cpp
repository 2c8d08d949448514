// JSON with strict rules and located errors; see jsonl.h. The only place that knows how
// nlohmann-json words its exceptions.
#include "src/base/jsonl.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/text.h"

namespace linvox {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ..." -> the reason.
std::string reason_of(const json::exception& error) {
    std::string_view text = error.what();
    if (const auto end = text.find("] "); end != std::string_view::npos) text.remove_prefix(end + 2);
    if (text.substr(0, 11) == "parse error") {
        if (const auto end = text.find(": "); end != std::string_view::npos) text.remove_prefix(end + 2);
    }
    return std::string(text);
}

// Refuses repeated keys, which nlohmann-json would resolve silently. A pass of its own: its parser with a
// callback takes time quadratic in the length of an array of objects.
class KeyGuard final : public json::json_sax_t {
public:
    bool start_object(std::size_t) override { return open_.emplace_back(), true; }
    bool end_object() override { return open_.pop_back(), true; }
    bool key(std::string& name) override {
        LINVOX_REQUIRE(open_.back().insert(name).second, DataError, "key \"{}\" appears twice; keep one",
                       name);
        return true;
    }
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(std::int64_t) override { return true; }
    bool number_unsigned(std::uint64_t) override { return true; }
    bool number_float(double, const std::string&) override { return true; }
    bool string(std::string&) override { return true; }
    bool binary(json::binary_t&) override { return true; }
    bool start_array(std::size_t) override { return true; }
    bool end_array() override { return true; }
    bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }

private:
    std::vector<std::unordered_set<std::string>> open_;
};

// `place` turns the byte offset of a syntax error (1 is the first byte) into "path:line:column".
json parse_strict(std::string_view text, const std::function<std::string(std::size_t)>& place) {
    try {
        json parsed = json::parse(text.begin(), text.end());
        KeyGuard guard;
        if (parsed.is_structured()) json::sax_parse(text.begin(), text.end(), &guard);
        return parsed;
    } catch (const json::parse_error& error) {
        throw DataError(fmt::format("{}: not valid JSON: {}", place(error.byte), reason_of(error)));
    } catch (const json::exception& error) {  // a number beyond the range of double
        throw DataError(fmt::format("{}: not valid JSON: {}", place(0), reason_of(error)));
    } catch (const DataError& error) {
        throw DataError(fmt::format("{}: {}", place(0), error.what()));
    }
}

void require_finite(const json& value, const fs::path& path) {
    if (value.is_number_float()) {
        LINVOX_ASSERT(std::isfinite(value.get<double>()), "{}: a number to write is not finite",
                      path.string());
    }
    if (value.is_structured()) {
        for (const json& item : value) require_finite(item, path);
    }
}

std::string dump_strict(const json& value, const fs::path& path, int indent) {
    require_finite(value, path);
    try {
        return value.dump(indent) + "\n";
    } catch (const json::type_error& error) {
        throw DataError(
            fmt::format("{}: text to write is not valid UTF-8: {}", path.string(), reason_of(error)));
    }
}

// Calls `visit` on one record and puts the place in front of its complaints.
void visit_line(std::string_view line, const std::string& where,
                const std::function<void(const json&)>& visit) {
    const json record = parse_strict(
        line, [&](std::size_t byte) { return byte == 0 ? where : fmt::format("{}:{}", where, byte); });
    LINVOX_REQUIRE(record.is_object(), DataError, "{}: must be a JSON object, got {} {}", where,
                   record.is_array() ? "an" : "a", record.type_name());
    try {
        visit(record);
    } catch (const json::exception& error) {
        throw DataError(fmt::format("{}: {}", where, reason_of(error)));
    } catch (const ConfigError&) {
        throw;
    } catch (const DataError& error) {
        throw DataError(fmt::format("{}: {}", where, error.what()));
    }
}

}  // namespace

void for_each_json_line(const fs::path& path, const std::function<void(const json&, std::size_t)>& visit) {
    std::ifstream file(path, std::ios::binary);
    if (!file || fs::is_directory(path)) read_file(path);  // throws with the system's reason
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        std::string_view text = line;
        if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark)
            text.remove_prefix(kByteOrderMark.size());
        if (trim(text).empty()) continue;
        visit_line(text, fmt::format("{}:{}", path.string(), number),
                   [&](const json& record) { visit(record, number); });
    }
    LINVOX_REQUIRE(!file.bad(), DataError, "{}: cannot read: input error", path.string());
}

json read_json(const fs::path& path) {
    const std::string bytes = read_file(path);
    std::string_view text = bytes;
    if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
    return parse_strict(text, [&](std::size_t byte) {
        if (byte == 0) return path.string();
        const std::string_view before = text.substr(0, byte - 1);
        const auto lines = 1 + std::count(before.begin(), before.end(), '\n');
        const auto start = before.rfind('\n');  // npos + 1 is 0: the first line
        return fmt::format("{}:{}:{}", path.string(), lines, byte - 1 - (start + 1) + 1);
    });
}

void write_json(const fs::path& path, const json& document) {
    write_file_atomic(path, dump_strict(document, path, 2));
}

struct JsonLinesWriter::State {
    fs::path path;
    std::optional<AtomicFile> whole;
    std::FILE* appended = nullptr;

    ~State() {
        if (appended) std::fclose(appended);
    }

    [[noreturn]] void fail(int reason) const {
        throw UserError(fmt::format("{}: cannot write: {}", path.string(), std::strerror(reason)));
    }

    // The file's length without a last line that a killed run left without newline.
    std::uintmax_t whole_lines_length() const {
        if (!fs::exists(path)) return 0;
        const std::string bytes = read_file(path);
        const auto end = bytes.rfind('\n');
        return end == std::string::npos ? 0 : end + 1;
    }

    void open_append() {
        const std::uintmax_t length = whole_lines_length();
        appended = std::fopen(path.c_str(), "ae");
        if (!appended || ::ftruncate(::fileno(appended), static_cast<off_t>(length)) != 0) fail(errno);
        std::setvbuf(appended, nullptr, _IONBF, 0);  // a buffer would write a failed record again later
    }

    void append(const std::string& line) {
        const off_t before = ::lseek(::fileno(appended), 0, SEEK_END);
        if (std::fwrite(line.data(), 1, line.size(), appended) == line.size()) return;
        const int reason = errno;
        const bool cut = ::ftruncate(::fileno(appended), before) == 0;
        (void)cut;  // the next writer cuts it otherwise
        fail(reason);
    }
};

JsonLinesWriter::JsonLinesWriter(const fs::path& path, Mode mode) : state_(std::make_unique<State>()) {
    state_->path = path;
    if (mode == Mode::whole) {
        state_->whole.emplace(path);
    } else {
        state_->open_append();
    }
}

JsonLinesWriter::~JsonLinesWriter() = default;
JsonLinesWriter::JsonLinesWriter(JsonLinesWriter&&) noexcept = default;

void JsonLinesWriter::write(const json& record) {
    LINVOX_ASSERT(state_->whole || state_->appended, "{}: write after close", state_->path.string());
    const std::string line = dump_strict(record, state_->path, -1);
    if (state_->whole) {
        state_->whole->write(line);
    } else {
        state_->append(line);
    }
}

void JsonLinesWriter::close() {
    if (state_->whole) {
        state_->whole->commit();
        state_->whole.reset();
    } else if (state_->appended) {
        if (std::fclose(std::exchange(state_->appended, nullptr)) != 0) state_->fail(errno);
    }
}

}  // namespace linvox

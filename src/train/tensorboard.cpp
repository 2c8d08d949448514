#include "src/train/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

constexpr std::string_view kEventPrefix = "events.out.tfevents.";

constexpr std::array<std::uint32_t, 256> castagnoli_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t sum = byte;
        for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1U) ? 0x82f63b78U : 0U);
        table[byte] = sum;
    }
    return table;
}

/// The low `count` bytes of a number, least significant first.
void put_fixed(std::string& out, std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) out += static_cast<char>((value >> (8 * i)) & 0xffU);
}

// Protocol buffers: a varint key (field << 3 | wire type), then the value.
enum WireType : std::uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7) out += static_cast<char>((value & 0x7fU) | 0x80U);
    out += static_cast<char>(value);
}

void put_key(std::string& out, std::uint64_t field, WireType type) { put_varint(out, (field << 3) | type); }

void put_bytes(std::string& out, std::uint64_t field, std::string_view bytes) {
    put_key(out, field, kBytes);
    put_varint(out, bytes.size());
    out += bytes;
}

/// The start of an Event: wall_time = 1 (double, s), step = 2 (int64).
std::string event_head(std::int64_t step) {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    std::string event;
    put_key(event, 1, kFixed64);
    put_fixed(event, std::bit_cast<std::uint64_t>(now.count()), 8);
    put_key(event, 2, kVarint);
    put_varint(event, static_cast<std::uint64_t>(step));
    return event;
}

/// Event.file_version = 3. From version 2 on readers heed SessionLog.
std::string version_event() {
    std::string event = event_head(0);
    put_bytes(event, 3, "brain.Event:2");
    return event;
}

/// Event.session_log = 7 {status = 1: START}: readers drop what they have of `step` and later steps.
std::string start_event(std::int64_t step) {
    std::string log;
    put_key(log, 1, kVarint);
    put_varint(log, 1);
    std::string event = event_head(step);
    put_bytes(event, 7, log);
    return event;
}

/// Adds Summary.value = 1 {tag = 1, simple_value = 2 (float)}.
void put_scalar(std::string& summary, std::string_view tag, double value) {
    std::string entry;
    put_bytes(entry, 1, tag);
    put_key(entry, 2, kFixed32);
    put_fixed(entry, std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4);
    put_bytes(summary, 1, entry);
}

/// Event.summary = 5.
std::string summary_event(std::int64_t step, std::string_view summary) {
    std::string event = event_head(step);
    put_bytes(event, 5, summary);
    return event;
}

/// The sum as TFRecord stores it: rotated and shifted, for records that hold sums themselves.
std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

std::string tf_record(std::string_view event) {
    std::string record;
    put_fixed(record, event.size(), 8);
    put_fixed(record, masked_crc(record), 4);
    record += event;
    put_fixed(record, masked_crc(event), 4);
    return record;
}

/// The latest TIME among the folder's event files; -1 when there is none.
std::int64_t newest_event_time(const std::filesystem::path& folder) {
    std::int64_t newest = -1;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(kEventPrefix)) continue;
        std::int64_t time = 0;
        std::from_chars(name.data() + kEventPrefix.size(), name.data() + name.size(), time);
        newest = std::max(newest, time);
    }
    return newest;
}

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
    return name.data();
}

/// An open event file; each event is on the disk when write() returns.
class EventFile {
public:
    EventFile(const std::filesystem::path& folder, std::int64_t time)
        : path_(folder / fmt::format("{}{:010}.{}", kEventPrefix, time, host_name())),
          file_(path_, std::ios::binary | std::ios::trunc) {
        write(version_event());
    }

    void write(const std::string& event) {
        file_ << tf_record(event) << std::flush;
        LINVOX_REQUIRE(file_.good(), UserError, "{}: cannot be written: {}; or set log.tensorboard = false",
                       path_.string(), std::strerror(errno));
    }

private:
    std::filesystem::path path_;
    std::ofstream file_;
};

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    static constexpr std::array<std::uint32_t, 256> kTable = castagnoli_table();
    std::uint32_t sum = 0xffffffffU;
    for (const char byte : bytes) sum = (sum >> 8) ^ kTable[(sum ^ static_cast<unsigned char>(byte)) & 0xffU];
    return sum ^ 0xffffffffU;
}

Observer tensorboard_observer(const std::filesystem::path& folder, std::int64_t resume_step) {
    ensure_directory(folder);
    const std::int64_t earlier = newest_event_time(folder);
    const std::int64_t now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    // Readers take the files in the order of their names.
    const auto file = std::make_shared<EventFile>(folder, std::max(now, earlier + 1));
    if (earlier >= 0) file->write(start_event(resume_step == 0 ? 0 : resume_step + 1));
    const auto write = [file](const StepReport& report, bool with_epoch) {
        std::string summary;
        if (with_epoch) put_scalar(summary, "epoch", report.epoch);
        for (const auto& [name, value] : report.values) put_scalar(summary, name, value);
        file->write(summary_event(report.step, summary));
    };
    return {.on_step = [write](const StepReport& report) { write(report, true); },
            .on_evaluation = [write](const StepReport& report) { write(report, false); }};
}

}  // namespace linvox

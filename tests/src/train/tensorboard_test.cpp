#include "src/train/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

/// Bit by bit from the polynomial: no table, nothing shared with the writer.
std::uint32_t slow_crc32c(std::string_view bytes) {
    std::uint32_t sum = ~0U;
    for (const char byte : bytes) {
        sum ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) sum = (sum & 1U) ? (sum >> 1) ^ 0x82f63b78U : sum >> 1;
    }
    return ~sum;
}

std::uint64_t fixed(std::string_view bytes, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
        value |= std::uint64_t{static_cast<unsigned char>(bytes.at(at + i))} << (8 * i);
    return value;
}

/// The records of a TFRecord file, both sums of each checked.
std::vector<std::string> records_of(const fs::path& path) {
    const auto unmask = [](std::uint64_t masked) {
        const auto rotated = static_cast<std::uint32_t>(masked) - 0xa282ead8U;
        return (rotated >> 17) | (rotated << 15);
    };
    const std::string bytes = read_file(path);
    std::vector<std::string> records;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = fixed(bytes, at, 8);
        EXPECT_EQ(unmask(fixed(bytes, at + 8, 4)), slow_crc32c(bytes.substr(at, 8)));
        records.push_back(bytes.substr(at + 12, length));
        EXPECT_EQ(unmask(fixed(bytes, at + 12 + length, 4)), slow_crc32c(records.back()));
        at += 16 + length;
    }
    return records;
}

/// A message as (field, payload): varints and fixed numbers as little-endian bytes.
struct Field {
    std::uint64_t number = 0, value = 0;
    std::string bytes;
};

std::vector<Field> fields_of(std::string_view message) {
    std::size_t at = 0;
    const auto varint = [&] {
        std::uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(message.at(at++));
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) return value;
        }
    };
    std::vector<Field> fields;
    while (at < message.size()) {
        const std::uint64_t key = varint();
        Field field{key >> 3, 0, {}};
        const std::uint64_t type = key & 7U;
        if (type == 0) field.value = varint();
        if (type == 1 || type == 5) {
            field.value = fixed(message, at, type == 1 ? 8 : 4);
            at += type == 1 ? 8 : 4;
        }
        if (type == 2) {
            const std::size_t length = varint();
            field.bytes = message.substr(at, length);
            at += length;
        }
        fields.push_back(field);
    }
    return fields;
}

struct Event {
    double wall_time = 0.0;
    std::int64_t step = 0;
    std::string version;
    std::uint64_t session = 0;  // SessionLog.status; 1 is START
    std::map<std::string, float> scalars;
};

Event event_of(const std::string& record) {
    Event event;
    for (const Field& field : fields_of(record)) {
        if (field.number == 1) event.wall_time = std::bit_cast<double>(field.value);
        if (field.number == 2) event.step = static_cast<std::int64_t>(field.value);
        if (field.number == 3) event.version = field.bytes;
        if (field.number == 7) event.session = fields_of(field.bytes).at(0).value;
        if (field.number != 5) continue;
        for (const Field& value : fields_of(field.bytes)) {
            const auto entry = fields_of(value.bytes);
            event.scalars[entry.at(0).bytes] =
                std::bit_cast<float>(static_cast<std::uint32_t>(entry.at(1).value));
        }
    }
    return event;
}

fs::path empty_folder(const std::string& name) {
    const fs::path folder = fs::path(testing::TempDir()) / name;
    fs::remove_all(folder);
    fs::create_directories(folder);
    return folder;
}

/// The events of each file, files in the order of their names, as readers take them.
std::vector<std::vector<Event>> files_of(const fs::path& folder) {
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<std::vector<Event>> files;
    for (const fs::path& path : paths) {
        files.emplace_back();
        for (const std::string& record : records_of(path)) files.back().push_back(event_of(record));
    }
    return files;
}

/// What a reader shows: START drops steps from its own on.
std::map<std::int64_t, float> shown(const fs::path& folder, const std::string& tag) {
    std::map<std::int64_t, float> points;
    for (const auto& file : files_of(folder))
        for (const Event& event : file) {
            if (event.session == 1) points.erase(points.lower_bound(event.step), points.end());
            if (!event.scalars.contains(tag)) continue;
            EXPECT_FALSE(points.contains(event.step)) << "step " << event.step << " stands twice";
            points[event.step] = event.scalars.at(tag);
        }
    return points;
}

TEST(Crc32c, KnownVectors) {
    // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    std::string rising(32, '\0');
    for (std::size_t i = 0; i < 32; ++i) rising[i] = static_cast<char>(i);
    for (const auto& sum : {crc32c, slow_crc32c}) {
        EXPECT_EQ(sum("123456789"), 0xE3069283U);
        EXPECT_EQ(sum(std::string(32, '\0')), 0x8A9136AAU);
        EXPECT_EQ(sum(std::string(32, '\xff')), 0x62A8AB43U);
        EXPECT_EQ(sum(rising), 0x46DD794EU);
        EXPECT_EQ(sum(""), 0U);
    }
}

TEST(TensorBoard, EveryScalarReadsBack) {
    const fs::path folder = empty_folder("tensorboard_new");
    const double before =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    const Observer observer = tensorboard_observer(folder);
    observer.on_step({1, 300, 0.25, 0.5, {{"loss", -2.5}, {"rewards/chosen", std::nan("")}}});
    observer.on_evaluation({300, 300, 1.0, 9.5, {{"eval_loss", 3.0}}});

    EXPECT_THAT(fs::directory_iterator(folder)->path().filename().string(),
                testing::MatchesRegex("events[.]out[.]tfevents[.][0-9]{10}[.].+"));
    const auto files = files_of(folder);  // the observer still lives: events are flushed one by one
    ASSERT_EQ(files.size(), 1U);
    ASSERT_EQ(files[0].size(), 3U);
    EXPECT_EQ(files[0][0].version, "brain.Event:2");
    EXPECT_EQ(files[0][1].step, 1);
    EXPECT_NEAR(files[0][1].wall_time, before, 60.0);
    EXPECT_EQ(files[0][1].scalars.at("loss"), -2.5F);
    EXPECT_EQ(files[0][1].scalars.at("epoch"), 0.25F);
    EXPECT_TRUE(std::isnan(files[0][1].scalars.at("rewards/chosen")));
    EXPECT_EQ(files[0][2].step, 300);  // a varint of two bytes
    EXPECT_EQ(files[0][2].scalars, (std::map<std::string, float>{{"eval_loss", 3.0F}}));
}

TEST(TensorBoard, AResumedRunShowsNoStepTwice) {
    const fs::path folder = empty_folder("tensorboard_resume");
    const auto write = [&](std::int64_t resume_step, std::int64_t first, std::int64_t last, double loss) {
        const Observer observer = tensorboard_observer(folder, resume_step);
        for (std::int64_t step = first; step <= last; ++step)
            observer.on_step({step, 9, 0.0, 0.0, {{"loss", loss}}});
    };
    write(0, 1, 5, 1.0);
    write(3, 4, 6, 2.0);  // killed at 5, went on from the checkpoint of 3; within the same second
    EXPECT_EQ(files_of(folder).size(), 2U);
    EXPECT_EQ(shown(folder, "loss"),
              (std::map<std::int64_t, float>{{1, 1.F}, {2, 1.F}, {3, 1.F}, {4, 2.F}, {5, 2.F}, {6, 2.F}}));
    write(0, 1, 2, 3.0);  // started afresh in the same folder
    EXPECT_EQ(shown(folder, "loss"), (std::map<std::int64_t, float>{{1, 3.F}, {2, 3.F}}));
}

TEST(TensorBoard, AFolderThatCannotBeWrittenIsNamed) {
    const fs::path file = empty_folder("tensorboard_full") / "file";
    write_file_atomic(file, "not a folder");
    EXPECT_THROW(tensorboard_observer(file / "stage"), UserError);
}

}  // namespace
}  // namespace linvox

// JSON files: what is accepted, what is refused and how it is told, and torn files.
#include "src/base/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/files.h"

namespace linvox {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;
using testing::ThrowsMessage;

class Jsonl : public testing::Test {
protected:
    void SetUp() override {
        const auto* test = testing::UnitTest::GetInstance()->current_test_info();
        folder = fs::path(testing::TempDir()) / ("linvox_jsonl_" + std::string(test->name()));
        fs::remove_all(folder);
        fs::create_directories(folder);
        file = folder / "x.jsonl";
    }
    void TearDown() override { fs::remove_all(folder); }

    std::vector<std::pair<std::string, std::size_t>> read(const std::string& bytes) {
        write_file_atomic(file, bytes);
        std::vector<std::pair<std::string, std::size_t>> found;
        for_each_json_line(
            file, [&](const json& record, std::size_t line) { found.emplace_back(record.dump(), line); });
        return found;
    }
    std::string complaint(const std::string& bytes) {
        try {
            read(bytes);
        } catch (const DataError& error) {
            const std::string text = error.what();
            EXPECT_THAT(text, StartsWith(file.string() + ":"));
            return text.substr(file.string().size());
        }
        return "(accepted)";
    }
    fs::path folder, file;
};

TEST_F(Jsonl, ReadsLinesWithTheirNumbers) {
    EXPECT_THAT(read("{\"a\":1}\n\n  \t\n{\"b\":[2,null]}\n"),
                ElementsAre(Pair("{\"a\":1}", 1), Pair("{\"b\":[2,null]}", 4)));
    EXPECT_THAT(read(""), IsEmpty());
}

TEST_F(Jsonl, AcceptsMarkCarriageReturnsAndNoLastNewline) {
    EXPECT_THAT(read("\xef\xbb\xbf{\"a\":1}\r\n\r\n{\"b\":2}"),
                ElementsAre(Pair("{\"a\":1}", 1), Pair("{\"b\":2}", 3)));
}

// Files put together with cat keep the mark of each.
TEST_F(Jsonl, AMarkMayStartAnyLine) {
    EXPECT_THAT(read("{}\n\xef\xbb\xbf{\"a\":1}\n"), ElementsAre(Pair("{}", 1), Pair("{\"a\":1}", 2)));
}

TEST_F(Jsonl, RefusesWhatIsNotAnObject) {
    EXPECT_EQ(complaint("{}\n[1]\n"), ":2: must be a JSON object, got an array");
    EXPECT_EQ(complaint("3\n"), ":1: must be a JSON object, got a number");
    EXPECT_THAT(complaint("{}\n{\"a\":1"), StartsWith(":2:7: not valid JSON: "));
    EXPECT_THAT(complaint("{\"a\" 1}\n"),
                AllOf(StartsWith(":1:6: not valid JSON: "), HasSubstr("expected ':'")));
    EXPECT_THAT(complaint("{} {}\n"), StartsWith(":1:4: not valid JSON: "));
    EXPECT_THAT(complaint("{'a':1}\n"), StartsWith(":1:2: not valid JSON: "));
}

TEST_F(Jsonl, RefusesNumbersThatAreNoNumbers) {
    for (const char* number : {"NaN", "Infinity", "-Infinity", "1e999", "nan", "0x1", "01", "+1", "1."}) {
        EXPECT_THAT(complaint(std::string("{\"a\":") + number + "}"), HasSubstr("not valid JSON")) << number;
    }
}

TEST_F(Jsonl, RefusesRepeatedKeysAtEveryDepth) {
    EXPECT_EQ(complaint("{\"id\":1,\"id\":1}"), ":1: key \"id\" appears twice; keep one");
    EXPECT_EQ(complaint("{\"o\":[{\"x\":{\"y\":1,\"z\":2,\"y\":3}}]}"),
              ":1: key \"y\" appears twice; keep one");
    EXPECT_EQ(complaint("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"), "(accepted)");
}

TEST_F(Jsonl, RefusesTextThatIsNotUtf8) {
    EXPECT_THAT(complaint("{\"a\":\"\xff\"}"), AllOf(StartsWith(":1:"), HasSubstr("UTF-8")));
    EXPECT_THAT(complaint("{\"a\":\"\xed\xa0\x80\"}"), HasSubstr("UTF-8"));
}

TEST_F(Jsonl, PutsThePlaceBeforeComplaintsAboutARecord) {
    write_file_atomic(file, "{}\n{\"id\":3}\n");
    const auto visit_with = [&](auto work) {
        return [this, work] {
            for_each_json_line(file, [&](const json& r, std::size_t line) {
                if (line == 2) work(r);
            });
        };
    };
    const std::string place = file.string() + ":2: ";
    EXPECT_THAT(visit_with([](const json&) { throw DataError("\"id\" is bad {}"); }),
                ThrowsMessage<DataError>(place + "\"id\" is bad {}"));
    EXPECT_THAT(visit_with([](const json& r) { r.at("text"); }),
                ThrowsMessage<DataError>(place + "key 'text' not found"));
    EXPECT_THAT(visit_with([](const json& r) { r.at("id").get<std::string>(); }),
                ThrowsMessage<DataError>(StartsWith(place + "type must be string")));
    EXPECT_THAT(visit_with([](const json&) { throw BugError("mine"); }), ThrowsMessage<BugError>("mine"));
}

TEST_F(Jsonl, MissingFileAndFolderAreDataErrors) {
    const auto nothing = [](const json&, std::size_t) {};
    EXPECT_THAT([&] { for_each_json_line(folder / "none", nothing); },
                ThrowsMessage<DataError>(HasSubstr("No such file")));
    EXPECT_THAT([&] { for_each_json_line(folder, nothing); },
                ThrowsMessage<DataError>(HasSubstr("Is a directory")));
}

TEST_F(Jsonl, DocumentErrorsNameLineAndColumn) {
    write_file_atomic(file, "\xef\xbb\xbf{\n  \"a\": 1,\n  \"b\" 2\n}\n");
    EXPECT_THAT([&] { read_json(file); },
                ThrowsMessage<DataError>(StartsWith(file.string() + ":3:7: not valid JSON: ")));
    write_file_atomic(file, "x");
    EXPECT_THAT([&] { read_json(file); }, ThrowsMessage<DataError>(StartsWith(file.string() + ":1:1: ")));
    write_file_atomic(file, "");
    EXPECT_THROW(read_json(file), DataError);
    write_file_atomic(file, "{\"a\":1,\"a\":2}");
    EXPECT_THAT([&] { read_json(file); }, ThrowsMessage<DataError>(HasSubstr("appears twice")));
    write_file_atomic(file, "\xef\xbb\xbf[1, 2]");
    EXPECT_EQ(read_json(file), json({1, 2}));
}

TEST_F(Jsonl, NumbersReadBackEqual) {
    const json document = {{"tenth", 0.1},
                           {"third", 1.0 / 3},
                           {"tiny", 5e-324},
                           {"large", 1.7976931348623157e308},
                           {"whole", 2.0},
                           {"minus", -0.0},
                           {"id", std::uint64_t{18446744073709551615U}},
                           {"low", std::numeric_limits<std::int64_t>::min()}};
    write_json(file, document);
    const json back = read_json(file);
    EXPECT_EQ(back, document);
    EXPECT_TRUE(back.at("whole").is_number_float());
    EXPECT_THAT(read_file(file), testing::EndsWith("}\n"));
}

TEST_F(Jsonl, RefusesToWriteNonFiniteNumbersAndBrokenText) {
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_THROW(write_json(file, {{"a", {1, {{"b", infinity}}}}}), BugError);
    EXPECT_THROW(write_json(file, std::nan("")), BugError);
    EXPECT_THAT([&] { write_json(file, {{"a", "\xff"}}); }, ThrowsMessage<DataError>(HasSubstr("UTF-8")));
    EXPECT_FALSE(fs::exists(file));
    JsonLinesWriter writer(file, JsonLinesWriter::Mode::append);
    EXPECT_THROW(writer.write({{"a", -infinity}}), BugError);
    EXPECT_EQ(read_file(file), "");
}

TEST_F(Jsonl, AWholeFileAppearsAtClose) {
    {
        JsonLinesWriter dropped(file, JsonLinesWriter::Mode::whole);
        dropped.write({{"a", 1}});
    }
    EXPECT_TRUE(fs::is_empty(folder));
    JsonLinesWriter first(file, JsonLinesWriter::Mode::whole);
    first.write({{"a", 1}});
    JsonLinesWriter writer = std::move(first);
    writer.write({{"b", "\n"}});
    EXPECT_FALSE(fs::exists(file));
    writer.close();
    EXPECT_EQ(read_file(file), "{\"a\":1}\n{\"b\":\"\\n\"}\n");
    EXPECT_THROW(writer.write({}), BugError);
    writer.close();
}

TEST_F(Jsonl, AppendGoesOnAndShowsEachRecordAtOnce) {
    {
        JsonLinesWriter writer(file, JsonLinesWriter::Mode::append);
        writer.write({{"a", 1}});
        EXPECT_EQ(read_file(file), "{\"a\":1}\n");
    }
    JsonLinesWriter writer(file, JsonLinesWriter::Mode::append);
    writer.write({{"a", 2}});
    writer.close();
    EXPECT_EQ(read_file(file), "{\"a\":1}\n{\"a\":2}\n");
}

TEST_F(Jsonl, AppendCutsATornTail) {
    const auto append_to = [&](const std::string& bytes) {
        write_file_atomic(file, bytes);
        JsonLinesWriter(file, JsonLinesWriter::Mode::append).write({{"b", 2}});
        return read_file(file);
    };
    EXPECT_EQ(append_to("{\"a\":1}\n{\"a\":"), "{\"a\":1}\n{\"b\":2}\n");
    EXPECT_EQ(append_to("{\"a\":"), "{\"b\":2}\n");
    EXPECT_EQ(append_to("{\"a\":1}"), "{\"b\":2}\n");  // whole or not: only its newline tells
    EXPECT_EQ(append_to("{\"a\":1}\n"), "{\"a\":1}\n{\"b\":2}\n");
    EXPECT_EQ(append_to(""), "{\"b\":2}\n");
}

TEST_F(Jsonl, ARecordThatDoesNotFitLeavesNoTornLine) {
    rlimit old{};
    getrlimit(RLIMIT_FSIZE, &old);
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    JsonLinesWriter writer(file, JsonLinesWriter::Mode::append);
    writer.write({{"a", 1}});
    const rlimit limit{100, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string told;
    try {
        writer.write({{"long", std::string(500, 'x')}});
    } catch (const UserError& error) {
        told = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, old_handler);
    EXPECT_EQ(told, file.string() + ": cannot write: File too large");
    writer.write({{"b", 2}});
    writer.close();
    EXPECT_EQ(read_file(file), "{\"a\":1}\n{\"b\":2}\n");
}

TEST_F(Jsonl, WritersNameTheReason) {
    write_file_atomic(file, "x\n");
    for (const auto mode : {JsonLinesWriter::Mode::whole, JsonLinesWriter::Mode::append}) {
        EXPECT_THAT([&] { JsonLinesWriter(file / "sub", mode); },
                    ThrowsMessage<UserError>(HasSubstr("Not a directory")));
        EXPECT_THROW(JsonLinesWriter("/proc/linvox", mode), UserError);
    }
}

}  // namespace
}  // namespace linvox

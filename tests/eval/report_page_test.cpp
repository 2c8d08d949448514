#include "eval/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "audio/wav.h"
#include "eval/report_markup.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "tests/eval/report_fixture.h"

namespace linvox {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

fs::path fresh_folder(const char* name) {
    const fs::path folder = fs::path(testing::TempDir()) / name;
    fs::remove_all(folder);
    fs::create_directories(folder);
    return folder;
}

/// Every answer gets half a second of a tone.
ReportInput audible_input(const fs::path& folder) {
    ReportInput in = small_input();
    std::vector<float> tone(8000);
    for (std::size_t i = 0; i < tone.size(); ++i)
        tone[i] = static_cast<float>(0.3 * std::sin(0.08 * static_cast<double>(i)));
    write_wave(folder / "tone.wav", tone, 16000);
    for (ReportAnswer& answer : in.answers) answer.wave_path = folder / "tone.wav";
    return in;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

TEST(ReportPage, ResponsesStandAsTheyAreAndSurviveTheFile) {
    ReportInput in = small_input();
    for (ReportAnswer& answer : in.answers) {
        answer.transcript.reset();
        answer.response = "2 + 3 = 5\n<b>#### 5</b>";
    }
    const Report report = report_from_json(report_to_json(build_report(std::move(in))));
    EXPECT_EQ(report.input.answers[0].response, "2 + 3 = 5\n<b>#### 5</b>");
    const auto data = nlohmann::json::parse(page_data(report, {}));
    EXPECT_EQ(data["items"][0]["a"][0]["r"], "2 + 3 = 5\n<b>#### 5</b>");
    EXPECT_FALSE(data["items"][0]["a"][0].contains("t"));
    EXPECT_TRUE(data["metrics"][2]["proportion"]);
    EXPECT_THAT(report_page(report, {}), Not(HasSubstr("<b>#### 5</b>")));
}

TEST(ReportPage, EscapesAllText) {
    ReportInput in = small_input();
    const std::string evil = "</script><img src=x onerror=alert(1)>'\"&";
    in.run.title = in.run.facts[0].second = in.items[0].text = in.items[0].id = evil;
    in.run.notes = {evil};
    in.systems[1].label = evil;
    in.metrics[0].label = evil;
    in.panels.push_back({"pairs",
                         evil,
                         evil,
                         {{evil, evil}},
                         {{evil, {evil}, {{evil}}}},
                         {{evil, evil, {evil}, {{evil, {1}}}}},
                         {evil}});
    in.curves.push_back({"sft", evil, "train", {1, 2}, {1, 2}, {}, {}});
    for (ReportAnswer& answer : in.answers) {
        if (answer.item == "p0#0") answer.item = evil;
        answer.transcript = evil;
        answer.finish = evil;
    }
    const std::string page = report_page(build_report(in), "");
    EXPECT_THAT(page, Not(HasSubstr("<img src=x")));
    EXPECT_EQ(occurrences(page, "</script>"), 2u);
    EXPECT_THAT(page, HasSubstr("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&quot;&amp;"));
}

TEST(ReportPage, NeedsNothingFromOutside) {
    const fs::path folder = fresh_folder("report_outside");
    write_report(folder / "report", build_report(audible_input(folder)));
    const std::string page = read_file(folder / "report" / "index.html");
    for (const char* link : {"http:", "https:", "src=\"media", "href=\"media", "@import", "url("})
        EXPECT_EQ(occurrences(page, link), link == std::string("http:") ? 1u : 0u)
            << link;  // the SVG namespace
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    EXPECT_THAT(page, HasSubstr("data:audio/"));
    EXPECT_THAT(page, HasSubstr("data:image/png;base64,"));
    for (const char* id : {"summary", "comparisons", "listen", "distributions", "method"})
        EXPECT_EQ(occurrences(page, fmt::format("id=\"{}\"", id)), 1u) << id;
}

TEST(ReportPage, CapsPlayersAndSaysSo) {
    const fs::path folder = fresh_folder("report_cap");
    ReportInput in = audible_input(folder);
    in.media.max_items = 5;
    in.media.max_seconds = 0.25;
    write_report(folder / "report", build_report(in));
    const nlohmann::json document = read_json(folder / "report" / "report.json");
    std::set<std::string> clusters;
    for (const auto& item : document.at("items")) {
        const bool heard = !item.at("answers").at(0).at("audio").get<std::string>().empty();
        if (heard) clusters.insert(item.at("cluster"));
    }
    EXPECT_EQ(clusters.size(), 5u);        // one item a prompt, though the worst two are of p1
    EXPECT_TRUE(clusters.contains("p1"));  // the worst: 3 errors in 5 words, and 1 in 5
    const std::string page = read_file(folder / "report" / "index.html");
    EXPECT_THAT(page, HasSubstr("5 of 12 items carry players"));
    EXPECT_THAT(page, HasSubstr("longer than 0 s is cut"));
    EXPECT_EQ(occurrences(page, "data:image/png"), 15u);
}

TEST(ReportPage, IsRebuiltFromItsJson) {
    const fs::path folder = fresh_folder("report_rebuild");
    write_report(folder / "report", build_report(audible_input(folder)));
    std::map<std::string, std::string> before;
    for (const char* name :
         {"index.html", "summary.md", "summary.csv", "utterances.csv", "utterances_wide.csv"}) {
        before[name] = read_file(folder / "report" / name);
        fs::remove(folder / "report" / name);
    }
    rebuild_report(folder / "report");
    for (const auto& [name, text] : before) EXPECT_EQ(read_file(folder / "report" / name), text) << name;
}

TEST(ReportPage, UnreadableAudioLeavesAGapNotAnError) {
    const fs::path folder = fresh_folder("report_gap");
    ReportInput in = audible_input(folder);
    in.answers[1].wave_path = folder / "absent.wav";
    write_report(folder / "report", build_report(in));
    EXPECT_TRUE(fs::exists(folder / "report" / "index.html"));
}

TEST(ReportMarkup, Numbers) {
    EXPECT_EQ(format_value(28.249, "%"), "28.2");
    EXPECT_EQ(format_value(-0.001, "%"), "0.0");
    EXPECT_EQ(format_value(-1.5, "dB"), "\u22121.50");
    EXPECT_EQ(format_signed(0.5, "dB"), "+0.50");
    EXPECT_EQ(format_p(0.0004), "< 0.001");
    EXPECT_EQ(format_p({}), "n/a");
    EXPECT_EQ(format_interval(Interval{1, 2}, "dB"), "[1.00, 2.00]");
    EXPECT_EQ(axis_ticks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.2 * 3, 0.8, 1}));
    EXPECT_EQ(axis_ticks(3, 3, 5), (std::vector<double>{3}));
    EXPECT_EQ(escape_script("a<b\u2028c"), "a\\u003cb\\u2028c");
}

}  // namespace
}  // namespace linvox

#include "src/recipe/judge_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/shell.h"
#include "src/base/text.h"

namespace linvox {
namespace {

using nlohmann::json;
using Verdicts = std::map<std::string, double>;  // by key_of()

/// The command counts too: another judge is asked anew.
std::string key_of(const std::string& command, const JudgeRequest& request) {
    return sha256_hex(json{command, request.prompt, request.a, request.b, request.preferred}.dump());
}

Verdicts read_kept(const std::filesystem::path& file) {
    Verdicts kept;
    if (!std::filesystem::exists(file)) return kept;
    JsonLinesWriter(file, JsonLinesWriter::Mode::append).close();  // cuts a torn line
    for_each_json_line(file, [&](const json& record, std::size_t) {
        kept[record.at("key")] = record.at("first").get<double>();
    });
    return kept;
}

std::string last_words(const std::filesystem::path& file) {
    std::vector<std::string> lines = split(trim(read_file(file)), '\n');
    return lines.back().empty() ? "" : fmt::format("; its last line of stderr: {}", lines.back());
}

/// What went wrong with the call as a whole, or "".
std::string call_problem(const ShellResult& result, std::size_t lines, std::size_t asked, double timeout_s) {
    if (result.timed_out)
        return fmt::format("took longer than judge.timeout_s = {} and gave {} of {} verdicts", timeout_s,
                           lines, asked);
    if (result.exit_code != 0)
        return fmt::format("ended with exit code {} after {} of {} verdicts", result.exit_code, lines, asked);
    if (lines != asked)
        return fmt::format(
            "gave {} line(s) to {} request(s); one verdict a line is needed, for each in order", lines,
            asked);
    return "";
}

}  // namespace

double read_verdict(const std::string& line, const std::string& id) {
    std::string verdict = trim(line);
    if (verdict.starts_with("{")) {
        const json record = json::parse(verdict, nullptr, /*allow_exceptions=*/false);
        LINVOX_REQUIRE(record.is_object() && record.contains("verdict") && record["verdict"].is_string(),
                       DataError, "a verdict must be a, b or tie, or {{\"verdict\": \"a\"}}, found {}",
                       verdict);
        LINVOX_REQUIRE(!record.contains("id") || record["id"] == id, DataError,
                       "the verdict is about {}, asked was \"{}\"; answer in order", record["id"].dump(), id);
        verdict = record["verdict"];
    }
    verdict = to_lower(verdict);
    if (verdict == "a") return 1;
    if (verdict == "b") return 0;
    LINVOX_REQUIRE(verdict == "tie", DataError,
                   "a verdict must be a, b or tie, or {{\"verdict\": \"a\"}}, found '{}'", trim(line));
    return 0.5;
}

std::vector<double> ask_command(const std::string& command, const std::vector<JudgeRequest>& requests,
                                const std::filesystem::path& folder, double timeout_s) {
    const std::filesystem::path kept_file = folder / "verdicts.jsonl";
    Verdicts verdicts = read_kept(kept_file);
    std::vector<const JudgeRequest*> asked;
    std::set<std::string> fresh;  // two models may have given the same answers
    for (const JudgeRequest& request : requests) {
        const std::string key = key_of(command, request);
        if (!verdicts.contains(key) && fresh.insert(key).second) asked.push_back(&request);
    }
    if (!asked.empty()) {
        const ShellFiles files{folder / "ask.jsonl", folder / "answers.txt", folder / "stderr.txt"};
        JsonLinesWriter writer(files.in, JsonLinesWriter::Mode::whole);
        for (const JudgeRequest* r : asked)
            writer.write({{"id", r->id},
                          {"prompt", r->prompt},
                          {"a", r->a},
                          {"b", r->b},
                          {"preferred", r->preferred}});
        writer.close();
        log_line(fmt::format("  {} request(s) to '{}'", asked.size(), command));
        const ShellResult result = run_shell(command, files, timeout_s);
        std::vector<std::string> lines = split(read_file(files.out), '\n');
        if (trim(lines.back()).empty()) lines.pop_back();  // behind the last newline
        std::string problem = call_problem(result, lines.size(), asked.size(), timeout_s);
        if (!problem.empty()) problem += last_words(files.err);
        // The last line of a call that was broken off may be half a verdict.
        if ((result.timed_out || result.exit_code != 0) && !lines.empty()) lines.pop_back();
        JsonLinesWriter kept(kept_file, JsonLinesWriter::Mode::append);
        for (std::size_t i = 0; i < std::min(lines.size(), asked.size()); ++i) {
            const std::string key = key_of(command, *asked[i]);
            try {
                verdicts[key] = read_verdict(lines[i], asked[i]->id);
            } catch (const DataError& error) {
                throw DataError(fmt::format("judge.command = '{}': {}:{}: {}", command, files.out.string(),
                                            i + 1, error.what()));
            }
            kept.write({{"key", key}, {"id", asked[i]->id}, {"first", verdicts[key]}});
        }
        kept.close();
        LINVOX_REQUIRE(problem.empty(), DataError,
                       "judge.command = '{}' {}; mend it and run again: verdicts are kept", command, problem);
    }
    std::vector<double> firsts;
    for (const JudgeRequest& request : requests) firsts.push_back(verdicts.at(key_of(command, request)));
    return firsts;
}

}  // namespace linvox

#include "src/train/reference_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/model/model_directory.h"
#include "src/train/checkpoint.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

std::string entry_check(const std::string& key, const ReferenceScore& score) {
    return sha256_hex(fmt::format("{} {:.17g} {}", key, score.logprob_sum, score.token_count)).substr(0, 8);
}

json entry_json(const std::string& key, const ReferenceScore& score) {
    return {{"key", key},
            {"sum", score.logprob_sum},
            {"count", score.token_count},
            {"check", entry_check(key, score)}};
}

json header_json(const std::map<std::string, std::string>& identity) {
    return {{"format", "linvox-reference"}, {"version", 1}, {"identity", identity}};
}

/// The entry of a line, or nothing when the line is damaged.
std::optional<std::pair<std::string, ReferenceScore>> parse_entry(const json& line) {
    try {
        const ReferenceScore score{line.at("sum").get<double>(), line.at("count").get<std::int64_t>()};
        const auto key = line.at("key").get<std::string>();
        if (line.at("check") != entry_check(key, score)) return std::nullopt;
        return std::pair(key, score);
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

struct CacheFile {
    ReferenceScores scores;
    std::int64_t damaged = 0;
    bool has_header = false;
};

/// Line by line, so that a damaged one costs itself only. A last line without newline is torn: not read.
CacheFile read_cache(const fs::path& path, const std::map<std::string, std::string>& identity) {
    CacheFile file;
    const std::string bytes = read_file(path);
    std::vector<std::string> lines = split(bytes, '\n');
    lines.pop_back();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (trim(lines[i]).empty()) continue;
        const json line = json::parse(lines[i], nullptr, /*allow_exceptions=*/false);
        if (!file.has_header) {
            LINVOX_REQUIRE(line.is_object() && line.value("format", "") == "linvox-reference" &&
                               line.value("version", 0) == 1 && line.contains("identity"),
                           DataError,
                           "{}:{}: not the header of a reference file of version 1; delete the file",
                           path.string(), i + 1);
            require_equal_identity(line["identity"].get<std::map<std::string, std::string>>(), identity,
                                   path.string(), "delete the file to score the reference again");
            file.has_header = true;
            continue;
        }
        if (const auto entry = parse_entry(line))
            file.scores[entry->first] = entry->second;
        else
            ++file.damaged;
    }
    return file;
}

/// The file without its damaged lines, whole again.
void rewrite_cache(const fs::path& path, const std::map<std::string, std::string>& identity,
                   const ReferenceScores& scores) {
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    writer.write(header_json(identity));
    const std::map<std::string, ReferenceScore> sorted(scores.begin(), scores.end());
    for (const auto& [key, score] : sorted) writer.write(entry_json(key, score));
    writer.close();
}

/// The groups cut down to the answers that `scores` lacks, each distinct answer once.
std::vector<SequenceGroup> missing_groups(const std::vector<SequenceGroup>& groups,
                                          const ReferenceScores& scores, ReferenceCounts& counts) {
    std::vector<SequenceGroup> missing;
    std::unordered_set<std::string> seen;
    for (const SequenceGroup& group : groups) {
        SequenceGroup rest{group.id, group.prompt_ids, {}};
        for (const TokenSequence& answer : group.answers) {
            const std::string key = answer_digest(group.prompt_ids, answer);
            if (!seen.insert(key).second) continue;
            ++counts.needed;
            if (scores.contains(key))
                ++counts.found;
            else
                rest.answers.push_back(answer);
        }
        if (!rest.answers.empty()) missing.push_back(std::move(rest));
    }
    return missing;
}

void score_batch(const Decoder& reference, const std::vector<const SequenceGroup*>& groups,
                 const ScoreConfig& score, ReferenceScores& scores, JsonLinesWriter& writer) {
    const SequenceScore scored = score_answers(reference, pack(groups), score);
    const at::Tensor sums = scored.logprob_sum_A.to(at::kCPU, at::kDouble);
    const at::Tensor token_counts = scored.token_count_A.to(at::kCPU);
    std::int64_t answer = 0;
    for (const SequenceGroup* group : groups) {
        for (const TokenSequence& sequence : group->answers) {
            const ReferenceScore entry{sums[answer].item<double>(),
                                       token_counts[answer].item<std::int64_t>()};
            LINVOX_REQUIRE(
                std::isfinite(entry.logprob_sum), UserError,
                "record '{}': the reference gives log-probability {}; the model or its ids are broken",
                group->id, entry.logprob_sum);
            const std::string key = answer_digest(group->prompt_ids, sequence);
            writer.write(entry_json(key, entry));
            scores[key] = entry;
            ++answer;
        }
    }
}

}  // namespace

std::map<std::string, std::string> reference_identity(const Decoder& reference, const ScoreConfig& score,
                                                      const std::map<std::string, std::string>& extra) {
    std::map<std::string, std::string> identity = extra;
    identity["model"] = decoder_digest(reference);
    identity["softmax_range"] = fmt::format("{}:{}", score.vocab_begin, score.vocab_end);
    identity["precision"] = score.forward.compute == Compute::bfloat16 ? "bf16" : "weights";
    identity["mask"] = "label-aligned; given tokens unscored";
    identity["end"] = "ids as stored; no end token is added";
    return identity;
}

ReferenceScores precompute_reference(const fs::path& path, const Decoder& reference,
                                     const std::vector<SequenceGroup>& groups, const ScoreConfig& score,
                                     const std::map<std::string, std::string>& identity,
                                     std::int64_t token_budget, ReferenceCounts* counts) {
    const at::NoGradGuard no_grad;
    CacheFile file;
    if (fs::exists(path)) file = read_cache(path, identity);
    if (file.damaged > 0) {
        log_warning(fmt::format("{}: {} damaged line(s) are computed again", path.string(), file.damaged));
        rewrite_cache(path, identity, file.scores);
    }
    ReferenceCounts counted{.damaged = file.damaged};
    const std::vector<SequenceGroup> missing = missing_groups(groups, file.scores, counted);
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::append);
    if (!file.has_header) writer.write(header_json(identity));
    std::vector<std::size_t> order(missing.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    Progress progress("reference", "records", static_cast<std::int64_t>(missing.size()));
    std::int64_t done = 0;
    for (const auto& members : plan_batches(missing, order, {.token_budget = token_budget})) {
        if (stop_requested()) throw Interrupted{};
        std::vector<const SequenceGroup*> batch;
        for (const std::size_t member : members) batch.push_back(&missing[member]);
        const std::size_t before = file.scores.size();
        score_batch(reference, batch, score, file.scores, writer);
        counted.computed += static_cast<std::int64_t>(file.scores.size() - before);
        progress.update(done += static_cast<std::int64_t>(members.size()));
    }
    writer.close();
    progress.finish();
    if (counts) *counts = counted;
    return std::move(file.scores);
}

ReferenceScores read_reference(const fs::path& path, const std::map<std::string, std::string>& identity) {
    CacheFile file = read_cache(path, identity);
    LINVOX_REQUIRE(file.has_header && file.damaged == 0, DataError,
                   "{}: {} damaged line(s); run the reference stage again", path.string(), file.damaged);
    return std::move(file.scores);
}

}  // namespace linvox

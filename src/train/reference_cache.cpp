#include "src/train/reference_cache.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/model/device.h"
#include "src/model/model_directory.h"
#include "src/train/checkpoint.h"

namespace linvox {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

std::string hex_of(const std::vector<float>& values) {
    std::string text;
    text.reserve(8 * values.size());
    for (const float value : values)
        fmt::format_to(std::back_inserter(text), "{:08x}", std::bit_cast<std::uint32_t>(value));
    return text;
}

/// Nothing when the text is no list of 8-digit numbers.
std::optional<std::vector<float>> floats_of(const std::string& text) {
    std::vector<float> values;
    for (std::size_t at = 0; at < text.size(); at += 8) {
        std::uint32_t bits = 0;
        const char *first = text.data() + at, *last = first + std::min<std::size_t>(8, text.size() - at);
        const auto [end, problem] = std::from_chars(first, last, bits, 16);
        if (problem != std::errc() || end != first + 8) return std::nullopt;
        values.push_back(std::bit_cast<float>(bits));
    }
    return values;
}

std::string entry_check(const std::string& key, const ReferenceScore& score, const std::string& tokens) {
    return sha256_hex(fmt::format("{} {:.17g} {}{}", key, score.logprob_sum, score.token_count, tokens))
        .substr(0, 8);
}

json entry_json(const std::string& key, const ReferenceScore& score) {
    const std::string tokens = hex_of(score.token_logprobs);
    json entry = {{"key", key},
                  {"sum", score.logprob_sum},
                  {"count", score.token_count},
                  {"check", entry_check(key, score, tokens)}};
    if (!tokens.empty()) entry["tokens"] = tokens;
    return entry;
}

json header_json(const std::map<std::string, std::string>& identity) {
    return {{"format", "linvox-reference"}, {"version", 1}, {"identity", identity}};
}

/// The entry of a line, or nothing when the line is damaged.
std::optional<std::pair<std::string, ReferenceScore>> parse_entry(const json& line) {
    try {
        const std::string tokens = line.value("tokens", "");
        auto values = floats_of(tokens);
        if (!values) return std::nullopt;
        ReferenceScore score{line.at("sum").get<double>(), line.at("count").get<std::int64_t>(),
                             std::move(*values)};
        const auto key = line.at("key").get<std::string>();
        if (line.at("check") != entry_check(key, score, tokens)) return std::nullopt;
        return std::pair(key, std::move(score));
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
        if (auto entry = parse_entry(line))
            file.scores[entry->first] = std::move(entry->second);
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
                                          const ReferenceScores& scores, ReferenceDetail detail,
                                          ReferenceCounts& counts) {
    const auto is_found = [&](const std::string& key) {
        const auto found = scores.find(key);
        return found != scores.end() &&
               (detail == ReferenceDetail::sums || !found->second.token_logprobs.empty());
    };
    std::vector<SequenceGroup> missing;
    std::unordered_set<std::string> seen;
    for (const SequenceGroup& group : groups) {
        SequenceGroup rest{group.id, group.prompt_ids, {}};
        for (const TokenSequence& answer : group.answers) {
            const std::string key = answer_digest(group.prompt_ids, answer);
            if (!seen.insert(key).second) continue;
            ++counts.needed;
            if (is_found(key))
                ++counts.found;
            else
                rest.answers.push_back(answer);
        }
        if (!rest.answers.empty()) missing.push_back(std::move(rest));
    }
    return missing;
}

std::vector<float> values_of(const at::Tensor& value_N, std::int64_t begin, std::int64_t count) {
    const float* first = value_N.const_data_ptr<float>() + begin;
    return {first, first + count};
}

/// Key and score of every answer of the batch, in order.
std::vector<std::pair<std::string, ReferenceScore>> scored_entries(
    const Decoder& reference, const std::vector<const SequenceGroup*>& groups, const ScoreConfig& score,
    ReferenceDetail detail) {
    const at::NoGradGuard no_grad;
    const SequenceScore scored = score_answers(reference, pack(groups), score);
    const at::Tensor sums = scored.logprob_sum_A.to(at::kCPU, at::kDouble);
    const at::Tensor token_counts = scored.token_count_A.to(at::kCPU);
    const at::Tensor values_N = scored.logprob_N.to(at::kCPU, at::kFloat).contiguous();
    std::vector<std::pair<std::string, ReferenceScore>> entries;
    std::int64_t answer = 0, token = 0;
    for (const SequenceGroup* group : groups) {
        for (const TokenSequence& sequence : group->answers) {
            ReferenceScore entry{sums[answer].item<double>(), token_counts[answer].item<std::int64_t>(), {}};
            LINVOX_REQUIRE(
                std::isfinite(entry.logprob_sum), UserError,
                "record '{}': the reference gives log-probability {}; the model or its ids are broken",
                group->id, entry.logprob_sum);
            if (detail == ReferenceDetail::tokens)
                entry.token_logprobs = values_of(values_N, token, entry.token_count);
            token += entry.token_count;
            entries.emplace_back(answer_digest(group->prompt_ids, sequence), std::move(entry));
            ++answer;
        }
    }
    return entries;
}

BatchPlan plan_in_order(const std::vector<SequenceGroup>& groups, std::int64_t token_budget) {
    std::vector<std::size_t> order(groups.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    return plan_batches(groups, order, {.token_budget = token_budget});
}

std::vector<const SequenceGroup*> batch_members(const std::vector<SequenceGroup>& groups,
                                                const std::vector<std::size_t>& members) {
    std::vector<const SequenceGroup*> batch;
    for (const std::size_t member : members) batch.push_back(&groups[member]);
    return batch;
}

}  // namespace

std::map<std::string, std::string> reference_identity(const Decoder& reference, const ScoreConfig& score,
                                                      const std::map<std::string, std::string>& extra) {
    std::map<std::string, std::string> identity = extra;
    identity["model"] = decoder_digest(reference);
    identity["softmax_range"] = describe(score.softmax);
    identity["precision"] = score.forward.compute == Compute::bfloat16 ? "bf16" : "weights";
    identity["mask"] = "label-aligned; given tokens unscored";
    identity["end"] = "ids as stored; no end token is added";
    return identity;
}

ReferenceScores score_reference(const Decoder& reference, const std::vector<SequenceGroup>& groups,
                                const ScoreConfig& score, std::int64_t token_budget, ReferenceDetail detail) {
    ReferenceScores scores;
    const Decoder placed = on_device(reference, compute_device());
    for (const auto& members : plan_in_order(groups, token_budget))
        for (auto& [key, entry] : scored_entries(placed, batch_members(groups, members), score, detail))
            scores[key] = std::move(entry);
    return scores;
}

ReferenceScores precompute_reference(const fs::path& path, const Decoder& reference,
                                     const std::vector<SequenceGroup>& groups, const ScoreConfig& score,
                                     const std::map<std::string, std::string>& identity,
                                     std::int64_t token_budget, ReferenceCounts* counts,
                                     ReferenceDetail detail) {
    CacheFile file;
    if (fs::exists(path)) file = read_cache(path, identity);
    if (file.damaged > 0) {
        log_warning(fmt::format("{}: {} damaged line(s) are computed again", path.string(), file.damaged));
        rewrite_cache(path, identity, file.scores);
    }
    ReferenceCounts counted{.damaged = file.damaged};
    const std::vector<SequenceGroup> missing = missing_groups(groups, file.scores, detail, counted);
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::append);
    if (!file.has_header) writer.write(header_json(identity));
    const Decoder placed = on_device(reference, compute_device());
    Progress progress("reference", "records", static_cast<std::int64_t>(missing.size()));
    std::int64_t done = 0;
    for (const auto& members : plan_in_order(missing, token_budget)) {
        if (stop_requested()) throw Interrupted{};
        for (auto& [key, entry] : scored_entries(placed, batch_members(missing, members), score, detail)) {
            writer.write(entry_json(key, entry));
            file.scores[key] = std::move(entry);
            ++counted.computed;
        }
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

// The readers of records.h: every field checked, every message naming it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/base/text.h"
#include "src/data/record_fields.h"
#include "src/data/records.h"

namespace linvox {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxProblems = 20;

/// What the header says about every record of its file, and what the reader did to the records.
struct ReadContext {
    RecordHeader header;
    std::int64_t stops_appended = 0;
};

/// Section "EOS": never two, never one that was not generated.
void settle_stop(Candidate& candidate, const std::string& name, ReadContext& context) {
    const std::vector<std::int32_t>& stops = context.header.stop_ids;
    if (stops.empty()) return;
    const bool ends_in_stop =
        std::find(stops.begin(), stops.end(), candidate.answer.ids.back()) != stops.end();
    LINVOX_REQUIRE(!(candidate.finish == Finish::length && ends_in_stop), DataError,
                   "{} has finish \"length\" and ends in the stop id {}; an answer cut by length has none",
                   name, candidate.answer.ids.back());
    LINVOX_REQUIRE(!(ends_in_stop && candidate.answer.ids.size() == 1), DataError,
                   "{} holds nothing but the stop id {}; a completion needs at least one token", name,
                   candidate.answer.ids.back());
    if (candidate.finish != Finish::stop || ends_in_stop) return;
    candidate.answer.ids.push_back(candidate.stop_id >= 0 ? candidate.stop_id : stops.front());
    ++context.stops_appended;
}

void parse_answer(Candidate& candidate, const json& ids, const json* given, const std::string& name,
                  ReadContext& context) {
    candidate.answer.ids = parse_ids(ids, name, context.header);
    LINVOX_REQUIRE(!candidate.answer.ids.empty(), DataError,
                   "{} is empty; a completion needs at least one token; remove it", name);
    if (given) candidate.answer.given = parse_given(*given, name + " given", candidate.answer.ids.size());
    settle_stop(candidate, name, context);
}

const std::vector<std::string> kOriginFields = {
    "source", "seed",       "temperature", "top_p", "top_k",   "repetition_penalty", "max_tokens", "stop_id",
    "model",  "transcript", "audio",       "meta",  "perturb", "duration",
};

/// A misread mask trains the wrong tokens, so what is not supported is refused, never skipped.
void refuse_unsupported(const json& object, const std::string& where) {
    for (const char* field : {"weights", "spans", "prompt", "messages", "chosen", "rejected"}) {
        if (!object.contains(field)) continue;
        LINVOX_REQUIRE(!object[field].is_boolean(), DataError,
                       "{}\"{}\" is true or false: a quality flag, not an answer; pairs need two answers",
                       where, field);
        throw DataError(
            fmt::format("{}\"{}\" is not read here; convert the file to token ids first", where, field));
    }
}

void parse_origin(Candidate& candidate, const json& object, const std::string& where) {
    static const std::set<std::string> kSources = {"sample", "reference", "perturbed", "other", "human"};
    candidate.source = object.value("source", "sample");
    LINVOX_REQUIRE(kSources.contains(candidate.source), DataError, "{}source = \"{}\" is not one of {}",
                   where, candidate.source, fmt::join(kSources, ", "));
    candidate.seed = integer_field(object, "seed", 0);
    candidate.temperature = number_field(object, "temperature", 1.0);
    candidate.top_p = number_field(object, "top_p", 1.0);
    candidate.top_k = integer_field(object, "top_k", 0);
    candidate.stop_id = static_cast<std::int32_t>(integer_field(object, "stop_id", -1));
    candidate.model = string_field(object, "model");
    candidate.audio = string_field(object, "audio");
    if (object.contains("transcript") && !object["transcript"].is_null())
        candidate.transcript = string_field(object, "transcript");
    for (const char* field : {"repetition_penalty", "max_tokens", "duration"})
        if (object.contains(field)) candidate.meta[field] = number_field(object, field, 0);
    if (object.contains("meta")) {
        for (const auto& [key, value] : object["meta"].items()) {
            LINVOX_REQUIRE(value.is_number(), DataError, "{}meta.{} = {} is not a number", where, key,
                           value.dump());
            candidate.meta[key] = value.get<double>();
        }
    }
    if (!object.contains("perturb")) return;
    for (const auto& [key, value] : object["perturb"].items())
        candidate.perturb[key] = value.is_string() ? value.get<std::string>() : value.dump();
}

Candidate parse_candidate(const json& object, const std::string& where, ReadContext& context,
                          const std::string& default_source) {
    LINVOX_REQUIRE(object.is_object(), DataError, "{} must be an object, found {}", where,
                   object.type_name());
    refuse_unsupported(object, where + ".");
    std::vector<std::string> known = kOriginFields;
    known.insert(known.end(), {"ids", "given", "finish", "scores", "logprobs"});
    require_known_fields(object, where + ": ", known);
    Candidate candidate;
    json origin = object;
    if (!origin.contains("source")) origin["source"] = default_source;
    parse_origin(candidate, origin, where + ".");
    LINVOX_REQUIRE(object.contains("finish") || candidate.source != "sample", DataError,
                   "{} has no \"finish\"; a sampled answer must say whether it stopped by itself", where);
    if (object.contains("finish")) candidate.finish = parse_finish(object["finish"], where + ".finish");
    if (object.contains("scores")) candidate.scores = parse_scores(object["scores"], where + ".scores");
    if (object.contains("logprobs")) candidate.token_logprobs = object["logprobs"].get<std::vector<float>>();
    LINVOX_REQUIRE(object.contains("ids"), DataError, "{} has no \"ids\"", where);
    parse_answer(candidate, object["ids"], object.contains("given") ? &object["given"] : nullptr,
                 where + ".ids", context);
    return candidate;
}

RecordInfo parse_info(const json& object, const RecordHeader& header) {
    RecordInfo info;
    info.id = string_field(object, "id");
    LINVOX_REQUIRE(!info.id.empty(), DataError, "\"id\" is missing or empty");
    refuse_unsupported(object, "");
    info.prompt_ids = parse_ids(require_field(object, "prompt_ids"), "prompt_ids", header);
    LINVOX_REQUIRE(!info.prompt_ids.empty(), DataError,
                   "prompt_ids is empty; a prompt needs at least one token");
    info.text = string_field(object, "text");
    info.lang = string_field(object, "lang");
    info.task = string_field(object, "task");
    info.speaker = string_field(object, "speaker");
    if (object.contains("meta")) info.meta_json = object["meta"].dump();
    return info;
}

const std::vector<std::string> kInfoFields = {"id", "prompt_ids", "text", "lang", "task", "speaker", "meta"};

std::vector<std::string> with_info_fields(std::initializer_list<const char*> more) {
    std::vector<std::string> fields = kInfoFields;
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

CandidateRecord parse_record(const json& object, ReadContext& context, const CandidateRecord*) {
    CandidateRecord record;
    record.info = parse_info(object, context.header);
    static const auto known = with_info_fields({"reference", "candidates"});
    require_known_fields(object, "", known);
    if (object.contains("reference"))
        record.reference = parse_candidate(object["reference"], "reference", context, "reference");
    const json& list = require_field(object, "candidates");
    LINVOX_REQUIRE(list.is_array() && !list.empty(), DataError,
                   "\"candidates\" must be a list with at least one");
    for (std::size_t i = 0; i < list.size(); ++i)
        record.candidates.push_back(
            parse_candidate(list[i], fmt::format("candidates[{}]", i), context, "sample"));
    return record;
}

/// Item i of a rejected_* list of a pair, or null when the field is absent.
const json* rejected_item(const json& object, const std::string& field, std::size_t i, std::size_t count) {
    const auto found = object.find("rejected_" + field);
    if (found == object.end()) return nullptr;
    LINVOX_REQUIRE(found->is_array() && found->size() == count, DataError,
                   "rejected_{} must be a list with one entry for each of the {} rejected answers", field,
                   count);
    return &(*found)[i];
}

Candidate parse_side(const json& ids, const json* given, const json* finish, const json* scores,
                     const json* info, const std::string& name, ReadContext& context) {
    Candidate candidate;
    candidate.source = "other";
    if (info) {
        require_known_fields(*info, name + " info: ", kOriginFields);
        parse_origin(candidate, *info, name + " info.");
    }
    if (finish) candidate.finish = parse_finish(*finish, name + " finish");
    if (scores) candidate.scores = parse_scores(*scores, name + " scores");
    parse_answer(candidate, ids, given, name, context);
    return candidate;
}

PreferenceRecord parse_record(const json& object, ReadContext& context, const PreferenceRecord*) {
    PreferenceRecord record;
    record.info = parse_info(object, context.header);
    static const auto known = with_info_fields(
        {"chosen_ids", "chosen_given", "chosen_finish", "chosen_scores", "chosen_info", "rejected_ids",
         "rejected_given", "rejected_finish", "rejected_scores", "rejected_info", "margin", "why"});
    require_known_fields(object, "", known);
    const auto optional_field = [&](const char* name) -> const json* {
        const auto found = object.find(name);
        return found == object.end() ? nullptr : &*found;
    };
    record.chosen = parse_side(require_field(object, "chosen_ids"), optional_field("chosen_given"),
                               optional_field("chosen_finish"), optional_field("chosen_scores"),
                               optional_field("chosen_info"), "chosen_ids", context);
    LINVOX_REQUIRE(record.chosen.finish == Finish::stop, DataError,
                   "chosen_finish is \"{}\"; a chosen answer must have stopped by itself",
                   finish_name(record.chosen.finish));
    json rejected = require_field(object, "rejected_ids");
    LINVOX_REQUIRE(rejected.is_array() && !rejected.empty(), DataError,
                   "rejected_ids is empty; a completion needs at least one token");
    if (!rejected[0].is_array()) rejected = json::array({rejected});  // a single answer
    const std::size_t count = rejected.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = fmt::format("rejected_ids[{}]", i);
        record.rejected.push_back(parse_side(rejected[i], rejected_item(object, "given", i, count),
                                             rejected_item(object, "finish", i, count),
                                             rejected_item(object, "scores", i, count),
                                             rejected_item(object, "info", i, count), name, context));
        LINVOX_REQUIRE(record.rejected.back().answer.ids != record.chosen.answer.ids, DataError,
                       "{} is identical to chosen_ids; remove the pair", name);
        LINVOX_REQUIRE(record.rejected.back().finish != Finish::error, DataError,
                       "{} has finish \"error\"; such an answer is never used in a pair", name);
    }
    if (object.contains("margin")) record.margin = number_field(object, "margin", 0);
    record.why = string_field(object, "why");
    return record;
}

SftExample parse_record(const json& object, ReadContext& context, const SftExample*) {
    SftExample example;
    example.info = parse_info(object, context.header);
    static const auto known = with_info_fields({"ids", "given"});
    require_known_fields(object, "", known);
    Candidate side;
    parse_answer(side, require_field(object, "ids"), object.contains("given") ? &object["given"] : nullptr,
                 "ids", context);
    example.answer = std::move(side.answer);
    return example;
}

RecordHeader parse_header(const json& object, const std::string& kind) {
    LINVOX_REQUIRE(object["format"] == "linvox-preference", DataError,
                   "format = {} is not \"linvox-preference\"", object["format"].dump());
    LINVOX_REQUIRE(integer_field(object, "version", 0) == 1, DataError,
                   "version {} of the format is not known; this program reads version 1",
                   object.value("version", 0));
    RecordHeader header;
    header.kind = string_field(object, "kind");
    LINVOX_REQUIRE(header.kind == kind, DataError, "the file holds {}, not {}", header.kind, kind);
    header.vocab_size = integer_field(object, "vocab_size", 0);
    if (object.contains("stop_ids")) header.stop_ids = parse_ids(object["stop_ids"], "stop_ids", header);
    if (object.contains("digests")) object["digests"].get_to(header.digests);
    if (object.contains("tokenizer_sha256"))
        header.digests["tokenizer"] = string_field(object, "tokenizer_sha256");
    return header;
}

template <typename Record>
RecordFile<Record> read_records(const std::filesystem::path& path, const std::string& kind,
                                bool allow_empty) {
    RecordFile<Record> file;
    ReadContext context;
    std::vector<std::string> problems;
    std::set<std::string> ids;
    bool first = true;
    struct TooMany {};
    const auto read_line = [&](const json& object, std::size_t line) {
        try {
            if (std::exchange(first, false) && object.contains("format")) {
                context.header = parse_header(object, kind);
                file.has_header = true;
                return;
            }
            Record record = parse_record(object, context, static_cast<const Record*>(nullptr));
            LINVOX_REQUIRE(ids.insert(record.info.id).second, DataError,
                           "id \"{}\" was used before in this file", record.info.id);
            file.records.push_back(std::move(record));
        } catch (const DataError& error) {
            problems.push_back(fmt::format("{}:{}: {}", path.string(), line, error.what()));
        } catch (const json::exception& error) {
            problems.push_back(fmt::format("{}:{}: {}", path.string(), line, error.what()));
        }
        if (problems.size() == kMaxProblems) throw TooMany{};
    };
    try {
        for_each_json_line(path, read_line);
    } catch (const DataError& error) {
        problems.push_back(error.what());
    } catch (const TooMany&) {
        problems.push_back(fmt::format("(stopped after {} problems)", kMaxProblems));
    }
    if (problems.empty() && file.records.empty() && !allow_empty)
        problems.push_back(fmt::format("{}: holds no record", path.string()));
    if (!problems.empty()) throw DataError(join(problems, "\n"));
    file.header = context.header;
    file.stops_appended = context.stops_appended;
    return file;
}

}  // namespace

CandidateFile read_candidates(const std::filesystem::path& path, bool allow_empty) {
    return read_records<CandidateRecord>(path, "candidates", allow_empty);
}

PreferenceFile read_preferences(const std::filesystem::path& path) {
    return read_records<PreferenceRecord>(path, "pairs", false);
}

SftFile read_sft_examples(const std::filesystem::path& path) {
    return read_records<SftExample>(path, "sft", false);
}

}  // namespace linvox

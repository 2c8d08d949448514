#include "src/data/records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"

namespace linvox {
namespace {

using nlohmann::json;

json given_json(const TokenSequence& answer) {
    json ranges = json::array();
    for (const Span& span : answer.given) ranges.push_back({span.begin, span.end});
    return ranges;
}

json scores_json(const Scores& scores) {
    json object = json::object();
    for (const auto& [name, value] : scores) object[name] = value ? json(*value) : json(nullptr);
    return object;
}

/// Origin of an answer, fields at their defaults left out.
json origin_json(const Candidate& candidate) {
    json object = {{"source", candidate.source}};
    if (candidate.source == "sample") {
        object["seed"] = candidate.seed;
        object["temperature"] = candidate.temperature;
        object["top_p"] = candidate.top_p;
        object["top_k"] = candidate.top_k;
    }
    if (candidate.stop_id >= 0) object["stop_id"] = candidate.stop_id;
    if (!candidate.model.empty()) object["model"] = candidate.model;
    if (!candidate.audio.empty()) object["audio"] = candidate.audio;
    if (candidate.transcript) object["transcript"] = *candidate.transcript;
    if (!candidate.meta.empty()) object["meta"] = candidate.meta;
    if (!candidate.perturb.empty()) object["perturb"] = candidate.perturb;
    return object;
}

json candidate_json(const Candidate& candidate) {
    json object = origin_json(candidate);
    object["ids"] = candidate.answer.ids;
    if (!candidate.answer.given.empty()) object["given"] = given_json(candidate.answer);
    if (!candidate.token_logprobs.empty()) object["logprobs"] = candidate.token_logprobs;
    object["finish"] = finish_name(candidate.finish);
    object["scores"] = scores_json(candidate.scores);
    return object;
}

json info_json(const RecordInfo& info) {
    json object = {{"id", info.id}, {"prompt_ids", info.prompt_ids}};
    if (!info.text.empty()) object["text"] = info.text;
    if (!info.lang.empty()) object["lang"] = info.lang;
    if (!info.task.empty()) object["task"] = info.task;
    if (!info.speaker.empty()) object["speaker"] = info.speaker;
    if (!info.meta_json.empty()) object["meta"] = json::parse(info.meta_json);
    return object;
}

json record_json(const CandidateRecord& record) {
    json object = info_json(record.info);
    if (record.reference) object["reference"] = candidate_json(*record.reference);
    object["candidates"] = json::array();
    for (const Candidate& candidate : record.candidates)
        object["candidates"].push_back(candidate_json(candidate));
    return object;
}

json record_json(const PreferenceRecord& record) {
    json object = info_json(record.info);
    object["chosen_ids"] = record.chosen.answer.ids;
    if (!record.chosen.answer.given.empty()) object["chosen_given"] = given_json(record.chosen.answer);
    object["chosen_finish"] = finish_name(record.chosen.finish);
    object["chosen_scores"] = scores_json(record.chosen.scores);
    object["chosen_info"] = origin_json(record.chosen);
    for (const char* field : {"ids", "given", "finish", "scores", "info"})
        object[fmt::format("rejected_{}", field)] = json::array();
    for (const Candidate& rejected : record.rejected) {
        object["rejected_ids"].push_back(rejected.answer.ids);
        object["rejected_given"].push_back(given_json(rejected.answer));
        object["rejected_finish"].push_back(finish_name(rejected.finish));
        object["rejected_scores"].push_back(scores_json(rejected.scores));
        object["rejected_info"].push_back(origin_json(rejected));
    }
    if (record.margin) object["margin"] = *record.margin;
    if (!record.why.empty()) object["why"] = record.why;
    return object;
}

json record_json(const SftExample& example) {
    json object = info_json(example.info);
    object["ids"] = example.answer.ids;
    if (!example.answer.given.empty()) object["given"] = given_json(example.answer);
    return object;
}

json header_json(const RecordHeader& header) {
    json object = {{"format", "linvox-preference"}, {"version", 1}, {"kind", header.kind}};
    if (header.vocab_size > 0) object["vocab_size"] = header.vocab_size;
    object["stop_ids"] = header.stop_ids;
    object["digests"] = header.digests;
    return object;
}

template <typename Record>
void write_records(const std::filesystem::path& path, RecordFile<Record> const& file, const char* kind) {
    RecordHeader header = file.header;
    header.kind = kind;
    JsonLinesWriter writer(path, JsonLinesWriter::Mode::whole);
    writer.write(header_json(header));
    for (const Record& record : file.records) writer.write(record_json(record));
    writer.close();
}

/// What differs first between a file's header and a run's.
std::string header_difference(const RecordHeader& file, const RecordHeader& run) {
    const auto differ = [](std::string_view what, const std::string& there, const std::string& here) {
        return fmt::format("{} is '{}' there, '{}' here", what, there, here);
    };
    if (file.kind != run.kind) return differ("its kind", file.kind, run.kind);
    if (file.vocab_size != run.vocab_size)
        return differ("the vocabulary", std::to_string(file.vocab_size), std::to_string(run.vocab_size));
    for (const auto& [name, digest] : run.digests) {
        const auto found = file.digests.find(name);
        const std::string there = found == file.digests.end() ? "" : found->second;
        if (there != digest) return differ(name, there, digest);
    }
    if (file.stop_ids != run.stop_ids)
        return differ("the list of stop ids", fmt::format("{}", fmt::join(file.stop_ids, " ")),
                      fmt::format("{}", fmt::join(run.stop_ids, " ")));
    return "it names more sources";
}

}  // namespace

std::string finish_name(Finish finish) {
    switch (finish) {
        case Finish::stop:
            return "stop";
        case Finish::length:
            return "length";
        case Finish::error:
            return "error";
    }
    throw BugError("a finish without a name");
}

void write_candidates(const std::filesystem::path& path, const CandidateFile& file) {
    write_records(path, file, "candidates");
}

void write_preferences(const std::filesystem::path& path, const PreferenceFile& file) {
    write_records(path, file, "pairs");
}

void write_sft_examples(const std::filesystem::path& path, const SftFile& file) {
    write_records(path, file, "sft");
}

struct CandidateAppender::State {
    JsonLinesWriter writer;
    std::vector<CandidateRecord> found;
};

CandidateAppender::CandidateAppender(const std::filesystem::path& path, RecordHeader header) {
    header.kind = "candidates";
    // Opening first: it cuts the torn line that reading would refuse.
    state_ = std::make_unique<State>(State{JsonLinesWriter(path, JsonLinesWriter::Mode::append), {}});
    if (std::filesystem::file_size(path) == 0) {
        state_->writer.write(header_json(header));
        return;
    }
    CandidateFile file = read_candidates(path, /*allow_empty=*/true);
    LINVOX_REQUIRE(file.header == header, DataError,
                   "{}: its header differs from this run's: {}; delete the file, or write to another one",
                   path.string(), header_difference(file.header, header));
    state_->found = std::move(file.records);
}

CandidateAppender::~CandidateAppender() = default;
const std::vector<CandidateRecord>& CandidateAppender::found() const { return state_->found; }
void CandidateAppender::append(const CandidateRecord& record) { state_->writer.write(record_json(record)); }
void CandidateAppender::close() { state_->writer.close(); }

std::string answer_digest(const std::vector<std::int32_t>& prompt_ids, const TokenSequence& answer) {
    const std::int64_t sizes[] = {static_cast<std::int64_t>(prompt_ids.size()),
                                  static_cast<std::int64_t>(answer.ids.size()),
                                  static_cast<std::int64_t>(answer.given.size())};
    Sha256 digest;
    digest.add_values(std::span<const std::int64_t>(sizes));
    digest.add_values(std::span<const std::int32_t>(prompt_ids));
    digest.add_values(std::span<const std::int32_t>(answer.ids));
    for (const Span& span : answer.given) {
        const std::int32_t bounds[] = {span.begin, span.end};
        digest.add_values(std::span<const std::int32_t>(bounds));
    }
    return digest.hex();
}

}  // namespace linvox

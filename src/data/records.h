// The records that stages hand to each other, and their JSON-lines form: candidates with their
// scores, preference pairs, supervised examples. Ids only; text is carried for people.
//
// The first line of a file may be a header that says which vocabulary the ids belong to. One line:
//   candidates   {"id", "prompt_ids", "text", "lang", "task", "speaker", "reference": {"ids", ...},
//                 "candidates": [{"ids", "given", "finish", "scores", "source", "seed", ...}], "meta"}
//   pairs        {"id", "prompt_ids", "chosen_ids", "chosen_given", "chosen_finish", "chosen_scores",
//                 "chosen_info", "rejected_ids": [[...]], "rejected_given": [...], ..., "margin", "why"}
//   sft          {"id", "prompt_ids", "ids", "given", "text", "meta"}
//
// Not here: making pairs (pairs.h), batches (pack.h), foreign formats.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/text/token_sequence.h"

namespace linvox {

/// Why an answer ended. Only `stop` ended by itself; `error` answers are never used in a pair.
enum class Finish { stop, length, error };
std::string finish_name(Finish finish);

/// Metric name to value; no value (null in the file) is a score that could not be computed.
using Scores = std::map<std::string, std::optional<double>>;

/// One answer with its origin and its scores. The recording ("reference") has the same form.
struct Candidate {
    TokenSequence answer;
    Finish finish = Finish::stop;
    std::int32_t stop_id = -1;  // the stop id generated; -1: not stated
    Scores scores;
    std::string source = "sample";  // sample, reference, perturbed, other, human
    std::int64_t seed = 0;
    double temperature = 1.0, top_p = 1.0;
    std::int64_t top_k = 0;
    std::string model;                           // digest of the weights that sampled it; "" unknown
    std::string audio;                           // path of a waveform; "" none
    std::optional<std::string> transcript;       // what was heard or written; "" is valid: nothing
    std::vector<float> token_logprobs;           // of the sampled tokens, nats; empty: not kept
    std::map<std::string, double> meta;          // counts of the sampler: "capped_units"
    std::map<std::string, std::string> perturb;  // kind, begin, end, seed of a perturbation
    bool operator==(const Candidate&) const = default;
};

/// What all record kinds share. `id` is unique in its file.
struct RecordInfo {
    std::string id;
    std::vector<std::int32_t> prompt_ids;
    std::string text, lang, task, speaker;
    std::string meta_json;  // "meta" copied through unchanged; "" none
    bool operator==(const RecordInfo&) const = default;
};

/// A prompt with its candidates, and the recording when there is one.
struct CandidateRecord {
    RecordInfo info;
    std::optional<Candidate> reference;
    std::vector<Candidate> candidates;
    bool operator==(const CandidateRecord&) const = default;
};

/// One chosen and k >= 1 rejected answers of one prompt.
struct PreferenceRecord {
    RecordInfo info;
    Candidate chosen;
    std::vector<Candidate> rejected;
    std::optional<double> margin;  // gap of the selection score, in that score's unit
    std::string why;               // the rule that made the pair: "pareto cer,mcd"
    bool operator==(const PreferenceRecord&) const = default;
};

/// A prompt and one answer to learn.
struct SftExample {
    RecordInfo info;
    TokenSequence answer;
    bool operator==(const SftExample&) const = default;
};

/// The header line. Digests state what a file was made from: {"model": "9f...", "codec": "..."}.
struct RecordHeader {
    std::string kind;                    // candidates, pairs, sft
    std::int64_t vocab_size = 0;         // 0: unknown, so that only the sign of ids is checked
    std::vector<std::int32_t> stop_ids;  // ids that end an answer; empty when none is declared
    std::map<std::string, std::string> digests;
    bool operator==(const RecordHeader&) const = default;
};

template <typename Record>
struct RecordFile {
    RecordHeader header;
    std::vector<Record> records;
    bool has_header = false;
    std::int64_t stops_appended = 0;  // answers that ended by themselves but came without their stop id
};

using CandidateFile = RecordFile<CandidateRecord>;
using PreferenceFile = RecordFile<PreferenceRecord>;
using SftFile = RecordFile<SftExample>;

/// Read whole files. Up to 20 problems are collected, one line each in the DataError:
///   pairs.jsonl:812: rejected_ids[1] is empty; a completion needs at least one token
/// Checked: field names, types and ranges; ids against the vocabulary; `given` ranges; empty answers;
/// rejected answers equal to the chosen one; chosen answers that did not stop; repeated record ids; a file
/// without records. With stop ids in the header: a `length` answer that ends in one is an error, a `stop`
/// answer without one gets its own (stop_id, else the first) appended and counted.
/// `allow_empty`: a file that holds a header and nothing else yet is fine.
CandidateFile read_candidates(const std::filesystem::path& path, bool allow_empty = false);
PreferenceFile read_preferences(const std::filesystem::path& path);
SftFile read_sft_examples(const std::filesystem::path& path);

/// Write whole files, atomically; header.kind is filled in.
void write_candidates(const std::filesystem::path& path, const CandidateFile& file);
void write_preferences(const std::filesystem::path& path, const PreferenceFile& file);
void write_sft_examples(const std::filesystem::path& path, const SftFile& file);

/// Candidates are sampled and judged for minutes, so they can also be appended one by one, flushed each.
class CandidateAppender {
public:
    /// Opens or creates the file. An existing one keeps its records (a torn last line is cut) and must
    /// have an equal header: DataError otherwise.
    CandidateAppender(const std::filesystem::path& path, RecordHeader header);
    ~CandidateAppender();
    /// The records found at opening; the work that need not be done again.
    const std::vector<CandidateRecord>& found() const;
    void append(const CandidateRecord& record);
    void close();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// SHA-256 over prompt, answer ids and given ranges: the key of a cached score.
std::string answer_digest(const std::vector<std::int32_t>& prompt_ids, const TokenSequence& answer);

}  // namespace linvox

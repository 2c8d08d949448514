#include "src/recipe/align_inputs.h"

#include "src/base/files.h"
#include "src/text/vocabulary.h"

namespace linvox {
namespace {

/// Held-out pairs may be none; the file then has no record, which the reader refuses.
std::vector<PreferenceRecord> read_optional(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    const auto first_line = bytes.find('\n');
    if (first_line == std::string::npos || first_line + 1 == bytes.size()) return {};
    return read_preferences(path).records;
}

}  // namespace

AlignInputs load_align_inputs(const RunDirectory& run) {
    const auto vocabulary_file = run.stage("prepare") / "vocabulary.json";
    const Vocabulary vocabulary = Vocabulary::load(vocabulary_file);
    AlignInputs inputs;
    inputs.train = read_preferences(run.stage("pairs") / "pairs.train.jsonl").records;
    inputs.watch = read_optional(run.stage("pairs") / "pairs.watch.jsonl");
    inputs.vocab_begin = vocabulary.next();
    inputs.vocab_end = vocabulary.size();
    inputs.digests = {{"vocabulary", sha256_file(vocabulary_file)}};
    return inputs;
}

}  // namespace linvox

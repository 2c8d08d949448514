#include "src/recipe/align_inputs.h"

#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/recipe/checkpoint.h"
#include "src/recipe/text_encoder.h"
#include "src/recipe/transcripts.h"
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

AlignInputs load_align_inputs(const StageContext& context) {
    const auto prepare = context.run.stage("prepare"), pairs = context.run.stage("pairs");
    AlignInputs inputs;
    inputs.train = read_preferences(pairs / "pairs.train.jsonl").records;
    inputs.watch = read_optional(pairs / "pairs.watch.jsonl");
    if (context.config.task == "tts") {
        const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
        inputs.softmax = {vocabulary.next(), vocabulary.size(), {}};
    } else if (context.config.task == "asr") {
        const Vocabulary vocabulary = Vocabulary::load(prepare / "vocabulary.json");
        const Span range = transcript_range(vocabulary, transcript_layout(context.config));
        inputs.softmax = {range.begin, range.end, {}};
    } else if (context.config.task == "checkpoint") {
        inputs.softmax = read_checkpoint_vocabulary(prepare / "vocabulary.json").softmax;
    } else {
        inputs.softmax = TextEncoder::load(prepare).softmax();
    }
    inputs.digests = {{"vocabulary", sha256_file(prepare / "vocabulary.json")}};
    return inputs;
}

}  // namespace linvox

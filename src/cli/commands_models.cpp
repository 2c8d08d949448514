// What the commands on model directories share, and the short ones: merge, import.
#include "src/cli/commands_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/data/vllm_import.h"
#include "src/model/adapter_directory.h"
#include "src/model/lora.h"
#include "src/model/model_directory.h"
#include "src/text/codec_range.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

std::int64_t whole_number(std::string_view text, const std::string& option) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    LINVOX_REQUIRE(failure == std::errc() && end == text.data() + text.size() && value >= 0, UserError,
                   "--range: '{}' is not BEGIN:END, two ids", option);
    return value;
}

void parse_range(const std::string& text, std::int64_t vocab_size, AnswerIds& ids) {
    const auto colon = text.find(':');
    LINVOX_REQUIRE(colon != std::string::npos, UserError, "--range: '{}' is not BEGIN:END, two ids", text);
    ids.begin = whole_number(std::string_view(text).substr(0, colon), text);
    ids.end = whole_number(std::string_view(text).substr(colon + 1), text);
    LINVOX_REQUIRE(ids.begin < ids.end && ids.end <= vocab_size, UserError,
                   "--range: [{}, {}) is no range of the model's {} ids", ids.begin, ids.end, vocab_size);
}

}  // namespace

Decoder load_decoder(const ModelArguments& arguments) {
    Decoder decoder = load_model_directory(arguments.model);
    if (arguments.precision == "f32") decoder = cast_decoder(decoder, at::kFloat);
    if (arguments.precision == "bf16") decoder = cast_decoder(decoder, at::kBFloat16);
    if (!arguments.adapter.empty()) load_adapter(arguments.adapter, decoder);
    return decoder;
}

AnswerIds answer_ids(const ModelArguments& arguments, const ModelConfig& config) {
    AnswerIds ids;
    ids.stop = arguments.stop_ids;
    LINVOX_REQUIRE(!arguments.codec_only || arguments.range.empty(), UserError,
                   "--codec-only and --range both name the ids; give one of them");
    if (arguments.codec_only) {
        const CodecRange range = require_codec_range(load_tokenizer(arguments.model));
        ids.begin = range.first_id;
        ids.end = range.first_id + range.size;
        if (ids.stop.empty()) ids.stop = range.stop_ids;
        LINVOX_REQUIRE(ids.end <= config.vocab_size, DataError,
                       "{}: the codec's ids end at {}, the model has {} rows; grow the model",
                       arguments.model.string(), ids.end, config.vocab_size);
    } else if (!arguments.range.empty()) {
        parse_range(arguments.range, config.vocab_size, ids);
    }
    if (ids.stop.empty()) ids.stop.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
    for (const std::int32_t id : ids.stop) {
        LINVOX_REQUIRE(id >= 0 && id < config.vocab_size, UserError,
                       "--stop: the id {} lies outside the model's vocabulary of {}", id, config.vocab_size);
        if (ids.end > 0 && (id < ids.begin || id >= ids.end)) ids.extra.push_back(id);
    }
    return ids;
}

void command_import_vllm(const ImportArguments& arguments) {
    VllmImport rules{0, arguments.stop_ids};
    if (!arguments.model.empty()) {
        const ModelConfig config = read_model_config(arguments.model);
        rules.vocab_size = config.vocab_size;
        if (rules.stop_ids.empty())
            rules.stop_ids.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
    }
    const CandidateFile file = import_vllm(arguments.in, rules);
    write_candidates(arguments.out, file);
    std::size_t answers = 0;
    for (const CandidateRecord& record : file.records) answers += record.candidates.size();
    log_line(
        fmt::format("{} prompts, {} answers -> {}", file.records.size(), answers, arguments.out.string()));
}

void command_merge(const MergeArguments& arguments) {
    Decoder decoder = load_model_directory(arguments.model);
    load_adapter(arguments.adapter, decoder);
    save_model_like(arguments.model, arguments.out, merged_lora(decoder));
    log_line(fmt::format("{} weights of the adapter merged -> {}", lora_weight_count(decoder),
                         arguments.out.string()));
}

}  // namespace linvox

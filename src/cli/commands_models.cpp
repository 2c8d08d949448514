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
#include "src/text/chat_encoding.h"

namespace linvox {
namespace {

std::int64_t whole_number(std::string_view text, const std::string& option) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    LINVOX_REQUIRE(failure == std::errc() && end == text.data() + text.size() && value >= 0, UserError,
                   "--range: '{}' is not BEGIN:END, two ids", option);
    return value;
}

std::vector<std::int64_t> parse_range(const std::string& text) {
    const auto colon = text.find(':');
    LINVOX_REQUIRE(colon != std::string::npos, UserError, "--range: '{}' is not BEGIN:END, two ids", text);
    return {whole_number(std::string_view(text).substr(0, colon), text),
            whole_number(std::string_view(text).substr(colon + 1), text)};
}

/// What closes an answer in the template, first among the stop ids: config.json often knows the chat's end
/// alone.
void add_template_end(AnswerIds& ids, const ModelArguments& arguments) {
    const ChatEncoding encoding{load_tokenizer(arguments.model), find_chat_template(arguments.chat_template)};
    check(encoding);
    const std::vector<std::int32_t> closing = closing_ids(encoding);
    if (closing.empty() ||
        std::find(ids.stop_ids.begin(), ids.stop_ids.end(), closing.back()) != ids.stop_ids.end())
        return;
    ids.stop_ids.insert(ids.stop_ids.begin(), closing.back());
    if (!ids.softmax.contains(closing.back())) ids.softmax.extra_ids.push_back(closing.back());
}

}  // namespace

Decoder load_decoder(const ModelArguments& arguments) {
    Decoder decoder = load_model_directory(arguments.model);
    if (arguments.precision == "f32") decoder = cast_decoder(decoder, at::kFloat);
    if (arguments.precision == "bf16") decoder = cast_decoder(decoder, at::kBFloat16);
    if (!arguments.adapter.empty()) load_adapter(arguments.adapter, decoder);
    return decoder;
}

AnswerIds answer_ids_of(const ModelArguments& arguments, const ModelConfig& config) {
    AnswerIdChoice choice = arguments.ids;
    if (!arguments.range.empty()) choice.range = parse_range(arguments.range);
    AnswerIds ids = answer_ids_of(arguments.model, config, choice);
    if (choice.stop_ids.empty() && !arguments.chat_template.empty()) add_template_end(ids, arguments);
    return ids;
}

LineRules line_rules(const ModelArguments& arguments, const ModelConfig& config, const AnswerIds& ids) {
    LineStyle style{.lead_in_prompt = !ids.softmax.is_all(), .stop_ids = ids.stop_ids};
    if (!arguments.chat_template.empty()) style.form = find_chat_template(arguments.chat_template);
    return line_rules(arguments.model, config, style);
}

void require_free_directory(const std::filesystem::path& out) {
    namespace fs = std::filesystem;
    const bool free = !fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out));
    LINVOX_REQUIRE(free, UserError,
                   "--out {}: {}, and would be replaced whole; name a folder that is not there", out.string(),
                   fs::is_directory(out) ? "the folder holds files" : "is a file");
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
    require_free_directory(arguments.out);
    Decoder decoder = load_model_directory(arguments.model);
    load_adapter(arguments.adapter, decoder);
    save_model_like(arguments.model, arguments.out, merged_lora(decoder));
    log_line(fmt::format("{} weights of the adapter merged -> {}", lora_weight_count(decoder),
                         arguments.out.string()));
}

}  // namespace linvox

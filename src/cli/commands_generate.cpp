// linvox generate: k answers to every prompt of a file, appended as they are done; a second run goes on.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/rng.h"
#include "src/cli/commands_models.h"
#include "src/data/records.h"
#include "src/generate/generate.h"
#include "src/model/lora.h"
#include "src/model/model_directory.h"
#include "src/recipe/sampled.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

/// What makes answers comparable: a file holds answers of one setting.
std::string describe_sampling(const GenerateArguments& arguments, const AnswerIds& ids) {
    const SamplingConfig& s = arguments.sampling;
    return fmt::format(
        "samples {} seed {} temperature {} top_p {} top_k {} min_p {} penalty {} over {} ras {} {} max {} "
        "min {} ids {} bf16 {}",
        arguments.samples, arguments.seed, s.temperature, s.top_p, s.top_k, s.min_p, s.repetition_penalty,
        s.repetition_window, s.ras_window, s.ras_threshold, s.max_tokens, s.min_codes_per_unit,
        describe(ids.softmax), s.bfloat16);
}

SamplingConfig sampling_over(SamplingConfig sampling, const AnswerIds& ids) {
    sampling.vocab_begin = ids.softmax.begin;
    sampling.vocab_end = ids.softmax.end;
    sampling.extra_ids.assign(ids.softmax.extra_ids.begin(), ids.softmax.extra_ids.end());
    sampling.control_ids = 0;
    return sampling;
}

std::vector<PromptLine> open_prompts(const GenerateArguments& arguments, const LineRules& rules,
                                     const std::vector<CandidateRecord>& found) {
    std::set<std::string> done;
    for (const CandidateRecord& record : found) done.insert(record.info.id);
    auto prompts = read_prompt_lines(arguments.prompts, rules);
    std::erase_if(prompts, [&](const PromptLine& prompt) { return done.contains(prompt.id); });
    return prompts;
}

/// The directory's tokenizer; none, with a line saying why, where it cannot be read: ids are written anyway.
std::optional<Tokenizer> readable_tokenizer(const std::filesystem::path& model) {
    try {
        return load_tokenizer(model);
    } catch (const DataError& problem) {
        log_line(fmt::format("answers are written as ids only: {}", problem.what()));
        return std::nullopt;
    }
}

/// The text of an answer; none when an id has no token, as the spare rows of many models have none.
std::optional<std::string> answer_text(const Tokenizer& tokenizer, const std::vector<std::int32_t>& ids) {
    for (const std::int32_t id : ids)
        if (id >= tokenizer.size() || tokenizer.token(id).empty()) return std::nullopt;
    return tokenizer.decode(ids, /*skip_special=*/true);
}

std::string adapter_digest(const Decoder& decoder) {
    return decoder_digest(decoder.has_lora() ? merged_lora(decoder) : decoder);
}

}  // namespace

void command_generate(const GenerateArguments& arguments) {
    const Decoder decoder = load_decoder(arguments.model);
    const AnswerIds ids = answer_ids_of(arguments.model, decoder.config);
    LINVOX_REQUIRE(!ids.stop_ids.empty(), UserError,
                   "{}: neither config.json nor the codec's tokens say which id ends an answer; name it with "
                   "--stop",
                   arguments.model.model.string());
    const std::string digest = adapter_digest(decoder);
    CandidateAppender file(arguments.out,
                           {"candidates",
                            decoder.config.vocab_size,
                            ids.stop_ids,
                            {{"model", digest}, {"sampling", describe_sampling(arguments, ids)}}});
    const auto prompts =
        open_prompts(arguments, line_rules(arguments.model, decoder.config, ids), file.found());
    if (!file.found().empty())
        log_line(fmt::format("{}: {} prompts done before, {} to go", arguments.out.string(),
                             file.found().size(), prompts.size()));
    const auto count = static_cast<std::size_t>(arguments.samples);
    std::vector<GenerationRequest> requests;
    for (const PromptLine& prompt : prompts)
        for (std::size_t k = 0; k < count; ++k) {
            GenerationRequest request{
                prompt.id, {}, mix_seed(static_cast<std::uint64_t>(arguments.seed), prompt.id, k)};
            request.plan.prompt_ids = prompt.prompt_ids;
            request.stop_ids = ids.stop_ids;
            requests.push_back(std::move(request));
        }
    std::vector<CandidateRecord> records(prompts.size());
    std::vector<std::size_t> open(prompts.size(), count);
    const std::optional<Tokenizer> tokenizer = readable_tokenizer(arguments.model.model);
    const SamplingConfig sampling = sampling_over(arguments.sampling, ids);
    Progress progress("generate", "answers", static_cast<std::int64_t>(requests.size()));
    std::int64_t finished = 0;
    generate(decoder, requests, sampling, [&](std::size_t index, GenerationResult&& result) {
        CandidateRecord& record = records[index / count];
        record.candidates.resize(count);
        Candidate& candidate = record.candidates[index % count];
        candidate = to_candidate(std::move(result), requests[index], sampling, digest);
        if (tokenizer) candidate.transcript = answer_text(*tokenizer, candidate.answer.ids);
        progress.update(++finished);
        if (--open[index / count] > 0) return;
        const PromptLine& prompt = prompts[index / count];
        record.info = {prompt.id, prompt.prompt_ids, prompt.text, "", "", "", ""};
        file.append(record);
        record = {};
    });
    file.close();
    progress.finish();
}

}  // namespace linvox

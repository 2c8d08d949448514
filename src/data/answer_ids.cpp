#include "src/data/answer_ids.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/error.h"
#include "src/text/codec_range.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

AnswerIds codec_ids(const std::filesystem::path& model, const ModelConfig& config) {
    const CodecRange range = require_codec_range(load_tokenizer(model));
    LINVOX_REQUIRE(range.first_id + range.size <= config.vocab_size, DataError,
                   "{}: the codec's ids end at {}, the model has {} rows; grow the model", model.string(),
                   range.first_id + range.size, config.vocab_size);
    return {{range.first_id, range.first_id + range.size, {}}, range.stop_ids};
}

AnswerIds ids_in(const std::vector<std::int64_t>& range, std::int64_t vocab_size) {
    LINVOX_REQUIRE(
        range.size() == 2 && 0 <= range[0] && range[0] < range[1] && range[1] <= vocab_size, UserError,
        "the range [{}] of ids must be two, the first and the one behind the last of the model's {}",
        fmt::join(range, ", "), vocab_size);
    return {{range[0], range[1], {}}, {}};
}

}  // namespace

AnswerIds answer_ids_of(const std::filesystem::path& model, const ModelConfig& config,
                        const AnswerIdChoice& choice) {
    LINVOX_REQUIRE(!choice.codec_only || choice.range.empty(), UserError,
                   "codec_only and a range both name the ids that answers are made of; give one of them");
    AnswerIds ids;
    if (choice.codec_only) ids = codec_ids(model, config);
    if (!choice.range.empty()) ids = ids_in(choice.range, config.vocab_size);
    if (!choice.stop_ids.empty()) ids.stop_ids = choice.stop_ids;
    if (ids.stop_ids.empty()) ids.stop_ids.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
    for (const std::int32_t id : ids.stop_ids) {
        LINVOX_REQUIRE(id >= 0 && id < config.vocab_size, UserError,
                       "the stop id {} lies outside the model's vocabulary of {}", id, config.vocab_size);
        if (!ids.softmax.contains(id)) ids.softmax.extra_ids.push_back(id);
    }
    return ids;
}

void require_predictable(const TokenSequence& answer, const std::string& name, const SoftmaxRange& softmax) {
    auto given = answer.given.begin();
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(answer.ids.size()); ++i) {
        while (given != answer.given.end() && given->end <= i) ++given;
        if (given != answer.given.end() && given->begin <= i) continue;
        const std::int32_t id = answer.ids[static_cast<std::size_t>(i)];
        LINVOX_REQUIRE(
            softmax.is_all() || softmax.contains(id), DataError,
            "{}: token {} has the id {}, outside the ids {} that the softmax runs over; mark it as given, "
            "or choose other ids (codec_only, a range, stop ids)",
            name, i + 1, id, describe(softmax));
    }
}

}  // namespace linvox

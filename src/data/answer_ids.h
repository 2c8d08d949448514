// Which ids a checkpoint's answers are made of: what the softmax runs over, and what ends an answer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/model/model_config.h"
#include "src/model/softmax_range.h"
#include "src/text/token_sequence.h"

namespace linvox {

struct AnswerIdChoice {
    bool codec_only = false;             // the codec's ids, told from the tokens' names, and the stop ids
    std::vector<std::int64_t> range;     // {begin, end} of ids instead; empty: all, or what codec_only finds
    std::vector<std::int32_t> stop_ids;  // empty: the codec's where codec_only finds them, else config.json's
};

struct AnswerIds {
    SoftmaxRange softmax;
    std::vector<std::int32_t> stop_ids;  // those outside the range are its extra ids
};

/// DataError when codec_only finds no codec tokens or more than the model has rows; UserError for a range or
/// stop id outside the model's vocabulary, and for codec_only beside a range.
AnswerIds answer_ids_of(const std::filesystem::path& model, const ModelConfig& config,
                        const AnswerIdChoice& choice);

/// The ids that the softmax leaves out can only be given: DataError naming answer and token for one that is
/// not.
void require_predictable(const TokenSequence& answer, const std::string& name, const SoftmaxRange& softmax);

}  // namespace linvox

// What the reference and align stages both read: the pairs and the range of the softmax.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/data/records.h"
#include "src/model/softmax_range.h"
#include "src/recipe/stage.h"

namespace linvox {

struct AlignInputs {
    std::vector<PreferenceRecord> train, watch;
    SoftmaxRange softmax;
    std::map<std::string, std::string> digests;  // of the vocabulary, for the reference's identity
};

AlignInputs load_align_inputs(const StageContext& context);

}  // namespace linvox

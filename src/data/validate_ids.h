// Preference records whose answers are token ids, as a checkpoint recipe reads them: what validate_file()
// looks for in one line. Not here: Linvox's own records, which have a reader (records.h).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "src/data/validate.h"

namespace linvox {

/// Whether a side of the record is ids: "chosen_ids", "rejected_ids", or "chosen" and "rejected" as numbers.
bool is_id_preference(const nlohmann::json& record);

/// What one record shows. `record` is what --fix leaves of it, marks that stood twice taken off once.
struct IdRecordCheck {
    std::vector<Finding> findings;
    nlohmann::json record;
    std::string content;  // prompt and answers, to notice repeats
    bool ended = true;    // the chosen answer closes with an end id, or the model's are not known
};

IdRecordCheck check_id_preference(const nlohmann::json& record, std::size_t line, const ModelRules& rules);

}  // namespace linvox

// Reading one line of evaluate.h: the loss, its inputs and its state.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "src/loss/loss_config.h"
#include "src/loss/scores.h"

namespace linvox {

struct LossLine {
    LossConfig config;
    PairScores scores;  // float64
    PairExtras extras;
    LossState state;
    bool is_batch = false;  // fields were lists
};

/// DataError names the field, what must hold and what was given.
LossLine read_loss_line(const nlohmann::json& line);

}  // namespace linvox

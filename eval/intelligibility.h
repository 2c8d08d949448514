// Short-time objective intelligibility. STOI: C. Taal, R. Hendriks, R. Heusdens, J. Jensen, IEEE
// TASLP 19(7), 2011. ESTOI: J. Jensen, C. Taal, IEEE/ACM TASLP 24(11), 2016. For synchronous pairs only.
#pragma once

#include <span>

#include "eval/outcome.h"

namespace linvox {

struct Intelligibility {
    double stoi = 0;   // about 0 to 1, higher is better
    double estoi = 0;  // the same
};

/// Equal lengths (BugError otherwise), any rate: resampled to 10 kHz inside. Reasons: silent
/// (reference), too_short (fewer than 30 active frames; other programs return 1e-5 there).
Outcome<Intelligibility> stoi(std::span<const float> reference, std::span<const float> test,
                              int sample_rate_hz);

}  // namespace linvox

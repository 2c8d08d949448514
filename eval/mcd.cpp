// The distance along the exact path.
#include "eval/mcd.h"

#include <fmt/format.h>

#include "eval/dtw.h"
#include "src/base/error.h"

namespace linvox {
namespace {

Outcome<DtwResult> align(std::span<const double> reference, std::span<const double> test, std::size_t order) {
    const std::size_t rows_a = reference.size() / order, rows_b = test.size() / order;
    if (rows_a < kMcdMinFrames || rows_b < kMcdMinFrames) return Outcome<DtwResult>::failed(kTooShort);
    if (rows_a > kDtwMaxCells / rows_b) return Outcome<DtwResult>::failed(kTooLong);
    return dtw_cost(reference, test, order);
}

double mean_distance_db(const DtwResult& path) {
    return kMcdScale * path.cost / static_cast<double>(path.path_length);
}

}  // namespace

Outcome<Mcd> mcd_linvox(const MelCepstra& reference, const MelCepstra& test) {
    LINVOX_ASSERT(reference.dim == test.dim && reference.sample_rate_hz == test.sample_rate_hz,
                  "MCD of cepstra of {} and {} coefficients at {} and {} Hz", reference.dim, test.dim,
                  reference.sample_rate_hz, test.sample_rate_hz);
    const Outcome<DtwResult> path =
        align(warping_features(reference, true), warping_features(test, true), reference.dim - 1);
    if (!path) return Outcome<Mcd>::failed(path.reason);
    Mcd result;
    result.mcd_db = mean_distance_db(*path);
    result.path_length = path->path_length;
    result.reference_frames = reference.active_frames;
    result.test_frames = test.active_frames;
    result.warping_penalty = 2 - static_cast<double>(reference.active_frames + test.active_frames) /
                                     static_cast<double>(path->path_length);
    result.duration_difference_s = test.duration_s - reference.duration_s;
    result.duration_difference_percent = 100 * result.duration_difference_s / reference.duration_s;
    return result;
}

Outcome<double> mcd_of_features(std::span<const double> reference, std::span<const double> test,
                                std::size_t order) {
    const Outcome<DtwResult> path = align(reference, test, order);
    return path ? Outcome<double>(mean_distance_db(*path)) : Outcome<double>::failed(path.reason);
}

}  // namespace linvox

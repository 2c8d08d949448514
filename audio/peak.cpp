// Windowed-sinc interpolation and its maximum.
#include "audio/peak.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "src/base/error.h"

namespace linvox {
namespace {

// sum_k (-1)^k y[k step] (1 + cos(pi (distance + k) / reach)) / (distance + k), k = 0..depth-1.
// The cosine comes from the recurrence cos((k+1) u + v) = 2 cos(u) cos(k u + v) - cos((k-1) u + v).
struct HalfSum {
    double distance, twice_cosine, before, here, sum = 0;

    HalfSum(double first_distance, std::size_t depth) : distance(first_distance) {
        const double angle = std::numbers::pi / (first_distance + static_cast<double>(depth));
        twice_cosine = 2 * std::cos(angle);
        here = std::cos(angle * first_distance);
        before = std::cos(angle * (first_distance - 1));
    }
    void add(double signed_y) {
        sum += signed_y * (1 + here) / distance;
        const double next = twice_cosine * here - before;
        before = here;
        here = next;
        distance += 1;
    }
};

}  // namespace

SymmetricPeaks::SymmetricPeaks(std::size_t last_lag) : last_lag_(last_lag), values_(2 * last_lag + 1) {
    LINVOX_ASSERT(last_lag >= 3, "last lag {}", last_lag);
}

void SymmetricPeaks::set(std::size_t lag, double value) {
    values_[last_lag_ + lag] = value;
    values_[last_lag_ - lag] = value;
}

double SymmetricPeaks::value(double lag, std::size_t depth) const {
    const double place =
        std::clamp(lag + static_cast<double>(last_lag_), 0.0, static_cast<double>(2 * last_lag_));
    const auto left = static_cast<std::size_t>(place);
    const double fraction = place - static_cast<double>(left);
    if (fraction == 0) return values_[left];
    depth = std::min({depth, left + 1, values_.size() - 1 - left});
    if (depth < 3) return values_[left] + fraction * (values_[left + 1] - values_[left]);

    HalfSum down(fraction, depth), up(1 - fraction, depth);
    double sign = 1;
    for (std::size_t k = 0; k < depth; ++k, sign = -sign) {
        down.add(sign * values_[left - k]);
        up.add(sign * values_[left + 1 + k]);
    }
    return 0.5 * std::sin(std::numbers::pi * fraction) / std::numbers::pi * (down.sum + up.sum);
}

// Successive parabolic interpolation inside a bracket; a golden-section step when it fails.
SymmetricPeaks::Peak SymmetricPeaks::maximum(std::size_t lag, std::size_t depth) const {
    constexpr double kTolerance = 1e-7, kGolden = 0.3819660112501051;
    const double d = static_cast<double>(lag);
    double low = d - 1, high = d + 1;
    const double yl = at(lag - 1), yc = at(lag), yh = at(lag + 1), curvature = 2 * yc - yl - yh;
    const double start = curvature > 0 ? std::clamp(d + 0.5 * (yh - yl) / curvature, d - 0.9, d + 0.9) : d;
    Peak best{start, value(start, depth)};
    Peak second{d, yc}, third = yl > yh ? Peak{d - 1, yl} : Peak{d + 1, yh};
    if (std::abs(best.lag - second.lag) < 1e-3) {  // too near for a parabola
        const double aside = best.lag + (best.lag < d ? -0.05 : 0.05);
        second = {aside, value(aside, depth)};
    }
    if (second.value > best.value) std::swap(best, second);
    for (int step = 0; step < 40; ++step) {
        const double u = best.lag - second.lag, v = best.lag - third.lag;
        const double p = u * u * (best.value - third.value) - v * v * (best.value - second.value);
        const double q = u * (best.value - third.value) - v * (best.value - second.value);
        double next = q != 0 ? best.lag - 0.5 * p / q : low;
        if (!(next > low && next < high) || std::abs(next - best.lag) > 0.5 * (high - low))
            next = best.lag + kGolden * (high - best.lag > best.lag - low ? high - best.lag : low - best.lag);
        if (std::abs(next - best.lag) < kTolerance) break;
        const Peak found{next, value(next, depth)};
        if (found.value >= best.value) {
            (next < best.lag ? high : low) = best.lag;
            third = second, second = best, best = found;
        } else {
            (next < best.lag ? low : high) = next;
            if (found.value >= second.value)
                third = second, second = found;
            else
                third = found;
        }
    }
    return best;
}

}  // namespace linvox

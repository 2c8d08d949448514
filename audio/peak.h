// Peaks of a symmetric sampled function (an autocorrelation) between its samples, by windowed-sinc
// interpolation: P. Boersma, 1993, eqs. 22 and 23.
#pragma once

#include <cstddef>
#include <vector>

namespace linvox {

/// r(-lag) = r(lag), known at the whole lags 0..last_lag.
class SymmetricPeaks {
public:
    explicit SymmetricPeaks(std::size_t last_lag);

    void set(std::size_t lag, double value);
    double at(std::size_t lag) const { return values_[last_lag_ + lag]; }

    /// r at a fractional lag from `depth` samples on each side, fewer near last_lag.
    double value(double lag, std::size_t depth) const;

    struct Peak {
        double lag, value;
    };
    /// The maximum of value(., depth) within one lag of `lag`, 0 < lag < last_lag.
    Peak maximum(std::size_t lag, std::size_t depth) const;

private:
    std::size_t last_lag_;
    std::vector<double> values_;  // lags -last_lag..last_lag
};

}  // namespace linvox

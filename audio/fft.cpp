// Real transforms: plans in a table, one entry per size, shared by all threads.
#include "audio/fft.h"

#include <fftw3.h>
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "src/base/error.h"

namespace linvox {
namespace {

struct PlanPair {
    fftw_plan forward;
    fftw_plan inverse;
};

// Plans live as long as the process. FFTW's planner is not thread-safe; its execution is.
PlanPair plans_for(std::size_t size, double* time, fftw_complex* spectrum) {
    static std::mutex mutex;
    static std::map<std::size_t, PlanPair> table;
    const std::lock_guard lock(mutex);
    const auto found = table.find(size);
    if (found != table.end()) return found->second;
    const int n = static_cast<int>(size);
    const PlanPair plans{fftw_plan_dft_r2c_1d(n, time, spectrum, FFTW_ESTIMATE),
                         fftw_plan_dft_c2r_1d(n, spectrum, time, FFTW_ESTIMATE)};
    LINVOX_ASSERT(plans.forward && plans.inverse, "FFTW has no plan for size {}", size);
    table.emplace(size, plans);
    return plans;
}

fftw_complex* as_fftw(std::complex<double>* p) { return reinterpret_cast<fftw_complex*>(p); }

}  // namespace

RealFft::RealFft(std::size_t size) : size_(size) {
    LINVOX_ASSERT(size >= 1 && size <= (std::size_t{1} << 30), "FFT size {} is out of range", size);
    // fftw_malloc aligns all buffers alike, as the new-array interface demands.
    time_ = fftw_alloc_real(size_);
    spectrum_ = reinterpret_cast<std::complex<double>*>(fftw_alloc_complex(bins()));
    if (!time_ || !spectrum_) {
        fftw_free(time_);
        fftw_free(spectrum_);
        throw std::bad_alloc();
    }
    const PlanPair plans = plans_for(size_, time_, as_fftw(spectrum_));
    forward_plan_ = plans.forward;
    inverse_plan_ = plans.inverse;
    for (double& x : time()) x = 0;
    for (auto& x : spectrum()) x = 0;
}

RealFft::~RealFft() {
    fftw_free(time_);
    fftw_free(spectrum_);
}

void RealFft::forward() {
    fftw_execute_dft_r2c(static_cast<fftw_plan>(const_cast<void*>(forward_plan_)), time_, as_fftw(spectrum_));
}

void RealFft::inverse() {
    fftw_execute_dft_c2r(static_cast<fftw_plan>(const_cast<void*>(inverse_plan_)), as_fftw(spectrum_), time_);
    const double scale = 1.0 / static_cast<double>(size_);
    for (double& x : time()) x *= scale;
}

std::size_t next_power_of_two(std::size_t n) {
    std::size_t power = 1;
    while (power < n) power *= 2;
    return power;
}

std::size_t fast_fft_size(std::size_t n) {
    for (std::size_t size = n + n % 2;; size += 2) {
        std::size_t rest = size;
        for (std::size_t factor : {2, 3, 5})
            while (rest > 1 && rest % factor == 0) rest /= factor;
        if (rest == 1) return size;
    }
}

}  // namespace linvox

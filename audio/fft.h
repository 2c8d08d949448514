// Real Fourier transforms on FFTW, in double. Plans are made once per size, under a lock, with
// FFTW_ESTIMATE, so that results repeat from run to run and do not depend on threads.
#pragma once

#include <complex>
#include <cstddef>
#include <span>

namespace linvox {

/// One real transform of a fixed size with its own aligned buffers. The plan is shared between all
/// instances of that size; an instance serves one thread at a time.
class RealFft {
public:
    explicit RealFft(std::size_t size);  // any size >= 1
    ~RealFft();
    RealFft(const RealFft&) = delete;
    RealFft& operator=(const RealFft&) = delete;

    std::size_t size() const { return size_; }
    std::size_t bins() const { return size_ / 2 + 1; }
    /// [size] samples: input of forward(), output of inverse().
    std::span<double> time() { return {time_, size_}; }
    /// [size/2 + 1] bins: output of forward(), input of inverse().
    std::span<std::complex<double>> spectrum() { return {spectrum_, bins()}; }

    /// time() -> spectrum(), unscaled; time() is kept.
    void forward();
    /// spectrum() -> time(), scaled by 1/size, so that inverse(forward(x)) = x; spectrum() is lost.
    void inverse();

private:
    std::size_t size_;
    double* time_;
    std::complex<double>* spectrum_;
    const void* forward_plan_;
    const void* inverse_plan_;
};

/// The smallest power of two that is not below `n`.
std::size_t next_power_of_two(std::size_t n);
/// The smallest size 2^a 3^b 5^c, a >= 1, that is not below `n`: nearly as fast, and nearer.
std::size_t fast_fft_size(std::size_t n);

}  // namespace linvox

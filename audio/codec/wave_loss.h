// The multi-resolution STFT loss of a batch of waves and its gradient, without autograd.
// Yamamoto, Song & Kim 2020 (arXiv 1910.11480, equations 4 to 6), log term with an offset of 1e-3.
#pragma once

#include <cstdint>
#include <span>

namespace linvox {

/// Sum over (FFT, hop) = (512, 128), (1024, 256), (256, 64), window as long as the FFT, of
///   mean |ln(S + 1e-3) - ln(S' + 1e-3)|  +  ||S - S'|| / (||S|| + 1e-6)
/// with S, S' = sqrt(re^2 + im^2 + 1e-7) of target and estimate, both [items, samples]; mean and norms
/// run over the whole batch. Returns the loss; `gradient` [items, samples] is by the estimate.
/// Items need more than 512 samples. Runs on LibTorch's threads.
double stft_loss(std::span<const float> target, std::span<const float> estimate, std::int64_t items,
                 std::span<float> gradient);

}  // namespace linvox

// The neural half of melkm: codes -> rows of log magnitude and phase. Weights and forward pass only;
// src/train/codec_fit.h trains them, wave_synthesis.h turns rows into samples.
//
//   lookup      code -> centroid [D]
//   linear      9 codes around -> the magnitudes of two frames, least squares, not trained further
//   in          Conv1d D->C, k5
//   3 blocks    x + b(relu(a(relu(x)))); a: Conv1d k3, dilation 1, 2, 4; b: Conv1d k1
//   relu, up    ConvTranspose1d k4, stride 2: 50 -> 100 frames/s
//   2 blocks    dilation 1; relu
//   head        1x1 -> 513 log magnitude (added to the linear part) | 513 p | 513 q
//
// The network learns what the closed form leaves over, so that it starts where it would be after some
// 150 steps. No norm layers, no dropout. The phase as a unit vector follows Vocos (arXiv 2306.00814).
//
// B batch, T codes, K codebook size, D dimensions after PCA, C channels
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "audio/codec/wave_synthesis.h"
#include "src/model/weights.h"

namespace linvox {

inline constexpr int kLinearContext = 9;  // codes the linear part sees
inline constexpr const char* kVocoders[] = {"istft", "griffin-lim"};

struct MelDecoder {
    std::string vocoder = "istft";  // one of kVocoders; griffin-lim has no phase head
    int channels = 0;
    at::Tensor centroids_KD;
    at::Tensor magnitude_mean;  // [513]
    at::Tensor magnitude_std;   // []
    at::Tensor linear_weight;   // [2 * 513, D, 9], frame-major
    at::Tensor linear_bias;     // [2 * 513]
    struct Block {
        at::Tensor a_weight, a_bias, b_weight, b_bias;
    };
    at::Tensor in_weight, in_bias, up_weight, up_bias, head_weight, head_bias;
    std::vector<Block> blocks;  // 3 before `up`, 2 behind it

    bool has_phase() const { return vocoder == "istft"; }
    MagnitudeScale scale() const;

    /// Weights that are trained, under the names of the file.
    void visit_trained(const WeightVisitor& visit);
    /// Everything that is stored with the decoder: the trained weights, the linear part, the scale.
    void visit(const WeightVisitor& visit);
    void visit(const ConstWeightVisitor& visit) const;
};

/// A decoder with random weights (uniform, 1/sqrt(fan in); b scaled by 0.3, its bias 0; the head by 0.3)
/// and a zero linear part. The same seed gives the same weights.
MelDecoder make_mel_decoder(const at::Tensor& centroids_KD, int channels, const std::string& vocoder,
                            std::uint64_t seed);

/// codes_BT int64 -> rows [B, 2T, 513 or 1539], standardised as in MagnitudeScale. `with_phase` false
/// gives the 513 magnitudes only. Codes beyond both ends count as zero vectors, the mean frame.
at::Tensor decoder_rows(const MelDecoder& decoder, const at::Tensor& codes_BT, bool with_phase);

/// 320 samples a code. Griffin-Lim runs 32 iterations from the phases of seed 0.
std::vector<float> decode_wave(const MelDecoder& decoder, std::span<const std::int32_t> codes);

/// SHA-256 over everything that turns codes into samples.
std::string decoder_digest(const MelDecoder& decoder);

}  // namespace linvox

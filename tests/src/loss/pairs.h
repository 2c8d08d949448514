// Small builders for loss tests.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "src/loss/loss_table.h"
#include "src/loss/preference.h"

namespace linvox {

using Values = std::vector<double>;
using Options = std::vector<std::pair<LossOption, double>>;

inline at::Tensor vector_of(const Values& values, at::ScalarType type = at::kDouble) {
    return at::tensor(values, at::kDouble).to(type);
}

inline Values values_of(const at::Tensor& tensor) {
    const at::Tensor value = tensor.detach().to(at::kDouble).contiguous();
    return {value.const_data_ptr<double>(), value.const_data_ptr<double>() + value.numel()};
}

inline LossConfig loss_of(const std::string& kind, const Options& options = {},
                          const std::string& normalise = "") {
    LossConfig config;
    config.main.kind = kind;
    config.main.normalise = normalise;
    for (const auto& [option, value] : options) config.main.set(option, value);
    return config;
}

/// A batch whose log-ratios are x1, x2; the reference is 0 and counts are 1, so sums are means.
inline PairScores scores_at(const Values& x1, const Values& x2, at::ScalarType type = at::kDouble) {
    const Values zero(x1.size(), 0.0), one(x1.size(), 1.0);
    PairScores s;
    s.policy_chosen = vector_of(x1, type).set_requires_grad(true);
    s.policy_rejected = vector_of(x2, type).set_requires_grad(true);
    s.reference_chosen = vector_of(zero, type);
    s.reference_rejected = vector_of(zero, type);
    s.chosen_tokens = vector_of(one, type);
    s.rejected_tokens = vector_of(one, type);
    return s;
}

/// Uneven numbers for B pairs, the same ones every time, away from every kink.
inline PairScores usual_scores(std::int64_t pairs, std::int64_t first = 0) {
    Values zw, zl, rw, rl, cw, cl;
    for (std::int64_t i = first; i < first + pairs; ++i) {
        const double k = static_cast<double>(i);
        zw.push_back(-21.3 - 3.7 * k + 0.31 * k * k);
        zl.push_back(-24.9 + 1.9 * k - 0.53 * k * k);
        rw.push_back(zw.back() + (i % 3 == 1 ? 0.57 : -0.83) + 0.03 * k);
        rl.push_back(zl.back() + (i % 2 == 0 ? 0.71 : -0.44) - 0.05 * k);
        cw.push_back(static_cast<double>(9 + (5 * i) % 7));
        cl.push_back(static_cast<double>(12 + (3 * i) % 5));
    }
    PairScores s{vector_of(zw), vector_of(zl), vector_of(rw), vector_of(rl), vector_of(cw), vector_of(cl)};
    s.policy_chosen.set_requires_grad(true);
    s.policy_rejected.set_requires_grad(true);
    return s;
}

/// Every extra that a row may ask for.
inline PairExtras usual_extras(std::int64_t pairs, std::int64_t first = 0) {
    const auto series = [&](double start, double step, double bend) {
        Values out;
        for (std::int64_t i = first; i < first + pairs; ++i) {
            const double k = static_cast<double>(i);
            out.push_back(start + step * k + bend * static_cast<double>(i % 3));
        }
        return vector_of(out);
    };
    PairExtras e;
    e.chosen_score = series(0.90, -0.010, 0.02);
    e.rejected_score = series(0.30, 0.015, -0.04);
    e.chosen_kl = series(1.1, 0.07, 0.2);
    e.rejected_kl = series(1.6, -0.05, 0.1);
    e.margin_plus = series(4.0, 2.0, -1.0);
    e.margin_minus = series(3.0, 1.0, 2.0);
    e.chosen_weighted_logratio = series(0.6, 0.1, -0.9);
    e.rejected_weighted_logratio = series(-0.4, 0.05, 0.3);
    e.chosen_weight_sum = series(9.5, 0.4, 0.1);
    e.rejected_weight_sum = series(11.5, 0.3, 0.2);
    e.chosen_on_policy = series(0.8, 0.01, -0.1);
    e.rejected_on_policy = series(0.6, 0.02, 0.1);
    return e;
}

}  // namespace linvox

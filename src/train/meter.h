// What a training step measures, as sums and counts, so that micro-batches add up before one division.
// Tensors stay on their device until read(): one wait per step.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace linvox {

/// A ratio that adds up: sum / count.
struct Meter {
    std::string name;
    double sum = 0.0;
    double count = 0.0;
};

/// A quantity per pair or answer; read as NAME (mean), NAME_p10, NAME_p50 and NAME_p90.
struct MeterValues {
    std::string name;
    at::Tensor values;  // [n], detached
};

/// What the forward pass of one micro-batch gives.
struct MicroResult {
    at::Tensor loss_sum;  // 0-dim, with its graph: sum of weight times loss
    double weight = 0.0;  // sum of the weights
    std::vector<Meter> meters;
    std::vector<MeterValues> values;
    at::Tensor per_record;  // [records], detached: finite, or the record to blame; may be undefined
    /// Adds more meters and values from numbers that are on their way to the host; called when they have
    /// come, so that a GPU does not wait for what only the log reads. May be empty.
    std::function<void(MicroResult&)> measure;
};

/// Meters of one step, added over its micro-batches.
class MeterSum {
public:
    void add(const MicroResult& result);

    /// "loss" (sum of loss_sum / sum of weight) and `also` (0-dim), in one transfer: the wait of a step.
    std::map<std::string, double> read_loss(const std::map<std::string, at::Tensor>& also = {}) const;
    /// Every meter that has a count, and the values' mean and percentiles; after read_loss.
    std::map<std::string, double> read_meters() const;
    /// All of these.
    std::map<std::string, double> read(const std::map<std::string, at::Tensor>& also = {}) const;
    double weight() const { return weight_; }

private:
    void add_measured(const MicroResult& result);

    at::Tensor loss_sum_;
    double weight_ = 0.0;
    std::map<std::string, Meter> meters_;
    std::vector<std::function<void(MicroResult&)>> measures_;
    std::map<std::string, std::vector<at::Tensor>> values_;
};

/// The q-quantile (0 to 1) of `values`, linear between neighbours; NaN when empty.
double quantile(std::vector<double> values, double q);

}  // namespace linvox

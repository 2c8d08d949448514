#include "src/train/meter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "src/base/error.h"

namespace linvox {
namespace {

double mean(const std::vector<double>& values) {
    double sum = 0.0;
    for (const double value : values) sum += value;
    return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                          : sum / static_cast<double>(values.size());
}

}  // namespace

double quantile(std::vector<double> values, double q) {
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    std::sort(values.begin(), values.end());
    const double place = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(std::floor(place));
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - std::floor(place)) * (values[above] - values[below]);
}

void MeterSum::add(MicroResult result) {
    if (result.measure) result.measure(result);
    const at::Tensor loss_sum = result.loss_sum.detach().to(at::kDouble);
    loss_sum_ = loss_sum_.defined() ? loss_sum_ + loss_sum : loss_sum;
    weight_ += result.weight;
    for (const Meter& meter : result.meters) {
        Meter& total = meters_[meter.name];
        total.sum += meter.sum;
        total.count += meter.count;
    }
    for (const MeterTensor& meters : result.meter_tensors) meter_tensors_.push_back(meters);
    for (const MeterValues& values : result.values) {
        LINVOX_ASSERT(!values.values.requires_grad(), "meter '{}' carries a graph", values.name);
        values_[values.name].push_back(values.values.to(at::kDouble).flatten());
    }
}

std::map<std::string, double> MeterSum::read(const std::map<std::string, at::Tensor>& also) const {
    LINVOX_ASSERT(loss_sum_.defined(), "MeterSum read before anything was added");
    std::vector<at::Tensor> parts = {loss_sum_.reshape({1})};
    std::vector<std::pair<std::string, std::int64_t>> lengths;
    for (const auto& [name, tensor] : also) parts.push_back(tensor.to(at::kDouble).reshape({1}));
    for (const auto& [name, chunks] : values_) {
        std::int64_t length = 0;
        for (const at::Tensor& chunk : chunks) {
            parts.push_back(chunk);
            length += chunk.size(0);
        }
        lengths.emplace_back(name, length);
    }
    for (const MeterTensor& tensor : meter_tensors_) parts.push_back(tensor.sums_2K.flatten());
    const at::Tensor all = at::cat(parts).to(at::kCPU);  // the one wait of the step
    const double* next = all.const_data_ptr<double>();
    std::map<std::string, double> read;
    read["loss"] = *next++ / weight_;
    for (const auto& [name, tensor] : also) read[name] = *next++;
    for (const auto& [name, length] : lengths) {
        const std::vector<double> values(next, next + length);
        next += length;
        read[name] = mean(values);
        for (const int percent : {10, 50, 90})
            read[fmt::format("{}_p{}", name, percent)] = quantile(values, percent / 100.0);
    }
    std::map<std::string, Meter> meters = meters_;
    for (const MeterTensor& tensor : meter_tensors_) {
        const std::size_t count = tensor.names.size();
        for (std::size_t k = 0; k < count; ++k) {
            meters[tensor.names[k]].sum += next[k];
            meters[tensor.names[k]].count += next[count + k];
        }
        next += 2 * count;
    }
    for (const auto& [name, meter] : meters)
        read[name] = meter.count != 0 ? meter.sum / meter.count : std::numeric_limits<double>::quiet_NaN();
    return read;
}

}  // namespace linvox

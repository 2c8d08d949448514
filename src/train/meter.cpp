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

void MeterSum::add(const MicroResult& result) {
    const at::Tensor loss_sum = result.loss_sum.detach().to(at::kDouble);
    loss_sum_ = loss_sum_.defined() ? loss_sum_ + loss_sum : loss_sum;
    weight_ += result.weight;
    if (result.measure) measures_.push_back(result.measure);
    add_measured(result);
}

void MeterSum::add_measured(const MicroResult& result) {
    for (const Meter& meter : result.meters) {
        Meter& total = meters_[meter.name];
        total.sum += meter.sum;
        total.count += meter.count;
    }
    for (const MeterValues& values : result.values) {
        LINVOX_ASSERT(!values.values.requires_grad(), "meter '{}' carries a graph", values.name);
        values_[values.name].push_back(values.values.to(at::kDouble).flatten());
    }
}

std::map<std::string, double> MeterSum::read_loss(const std::map<std::string, at::Tensor>& also) const {
    LINVOX_ASSERT(loss_sum_.defined(), "MeterSum read before anything was added");
    std::vector<at::Tensor> parts = {loss_sum_.reshape({1})};
    for (const auto& [name, tensor] : also) parts.push_back(tensor.to(at::kDouble).reshape({1}));
    const at::Tensor all = at::cat(parts).to(at::kCPU);  // the one wait of the step
    const double* next = all.const_data_ptr<double>();
    std::map<std::string, double> read{{"loss", *next++ / weight_}};
    for (const auto& [name, tensor] : also) read[name] = *next++;
    return read;
}

std::map<std::string, double> MeterSum::read_meters() const {
    MeterSum all = *this;
    for (const auto& measure : measures_) {
        MicroResult more;
        measure(more);
        all.add_measured(more);
    }
    std::map<std::string, double> read;
    for (const auto& [name, chunks] : all.values_) {
        const at::Tensor joined = at::cat(chunks).to(at::kCPU);
        const double* first = joined.const_data_ptr<double>();
        const std::vector<double> values(first, first + joined.numel());
        read[name] = mean(values);
        for (const int percent : {10, 50, 90})
            read[fmt::format("{}_p{}", name, percent)] = quantile(values, percent / 100.0);
    }
    for (const auto& [name, meter] : all.meters_)
        read[name] = meter.count != 0 ? meter.sum / meter.count : std::numeric_limits<double>::quiet_NaN();
    return read;
}

std::map<std::string, double> MeterSum::read(const std::map<std::string, at::Tensor>& also) const {
    std::map<std::string, double> all = read_loss(also);
    all.merge(read_meters());
    return all;
}

}  // namespace linvox

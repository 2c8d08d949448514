#include "audio/codec/pca.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_eigh.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/error.h"

namespace linvox {
namespace {

constexpr std::int64_t kBlockRows = 2048;
constexpr std::int64_t kStep = 4;  // rows a pass over the covariance

std::vector<double> mean_row(std::span<const double> rows, std::int64_t width) {
    std::vector<double> mean(static_cast<std::size_t>(width), 0.0);
    const std::int64_t count = static_cast<std::int64_t>(rows.size()) / width;
    for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t j = 0; j < width; ++j) mean[j] += rows[i * width + j];
    }
    for (double& value : mean) value /= static_cast<double>(count);
    return mean;
}

/// Upper triangle of the sum of outer products of centred rows [begin, end).
std::vector<double> scatter(std::span<const double> rows, std::int64_t width, const std::vector<double>& mean,
                            std::int64_t begin, std::int64_t end) {
    std::vector<double> sum(static_cast<std::size_t>(width * width), 0.0);
    std::vector<double> centred(static_cast<std::size_t>(kStep * width));
    for (std::int64_t first = begin; first < end; first += kStep) {
        const std::int64_t count = std::min(kStep, end - first);
        std::fill(centred.begin(), centred.end(), 0.0);
        for (std::int64_t i = 0; i < count * width; ++i)
            centred[i] = rows[first * width + i] - mean[i % width];
        const double* x0 = centred.data();
        const double *x1 = x0 + width, *x2 = x1 + width, *x3 = x2 + width;
        for (std::int64_t i = 0; i < width; ++i) {
            double* out = sum.data() + i * width;
            for (std::int64_t j = i; j < width; ++j) {
                out[j] += (x0[i] * x0[j] + x1[i] * x1[j]) + (x2[i] * x2[j] + x3[i] * x3[j]);
            }
        }
    }
    return sum;
}

std::vector<double> covariance(std::span<const double> rows, std::int64_t width,
                               const std::vector<double>& mean) {
    const std::int64_t count = static_cast<std::int64_t>(rows.size()) / width;
    const std::int64_t blocks = (count + kBlockRows - 1) / kBlockRows;
    std::vector<std::vector<double>> partial(static_cast<std::size_t>(blocks));
    at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) {
            partial[b] = scatter(rows, width, mean, b * kBlockRows, std::min(count, (b + 1) * kBlockRows));
        }
    });
    std::vector<double> result(static_cast<std::size_t>(width * width), 0.0);
    for (const auto& block : partial) {
        for (std::size_t i = 0; i < result.size(); ++i) result[i] += block[i];
    }
    for (std::int64_t i = 0; i < width; ++i) {
        for (std::int64_t j = i; j < width; ++j) {
            result[j * width + i] = result[i * width + j] /= static_cast<double>(count);
        }
    }
    return result;
}

}  // namespace

Pca fit_pca(std::span<const double> rows, std::int64_t width, std::int64_t dimensions) {
    LINVOX_ASSERT(dimensions >= 1 && dimensions <= width, "{} of {} dimensions", dimensions, width);
    Pca pca{.mean = mean_row(rows, width)};
    std::vector<double> matrix = covariance(rows, width, pca.mean);
    double total = 0;
    for (std::int64_t i = 0; i < width; ++i) total += matrix[i * width + i];
    LINVOX_REQUIRE(total > 0, DataError, "the training audio does not vary, so there is nothing to code");
    const auto [values, vectors] = at::linalg_eigh(at::from_blob(matrix.data(), {width, width}, at::kDouble));
    const at::Tensor columns = vectors.contiguous();  // ascending eigenvalues
    const double* value = values.const_data_ptr<double>();
    const double* vector = columns.const_data_ptr<double>();
    pca.basis.resize(static_cast<std::size_t>(width * dimensions));
    for (std::int64_t d = 0; d < dimensions; ++d) {
        const std::int64_t column = width - 1 - d;
        std::int64_t largest = 0;
        for (std::int64_t i = 1; i < width; ++i) {
            if (std::abs(vector[i * width + column]) > std::abs(vector[largest * width + column]))
                largest = i;
        }
        const double sign = vector[largest * width + column] < 0 ? -1.0 : 1.0;
        for (std::int64_t i = 0; i < width; ++i)
            pca.basis[i * dimensions + d] = sign * vector[i * width + column];
        pca.explained += value[column] / total;
    }
    return pca;
}

std::vector<double> project(const Pca& pca, std::span<const double> rows) {
    const auto width = static_cast<std::int64_t>(pca.mean.size());
    const std::int64_t dimensions = static_cast<std::int64_t>(pca.basis.size()) / width;
    const std::int64_t count = static_cast<std::int64_t>(rows.size()) / width;
    std::vector<double> result(static_cast<std::size_t>(count * dimensions), 0.0);
    at::parallel_for(0, count, kBlockRows, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            double* out = result.data() + i * dimensions;
            for (std::int64_t j = 0; j < width; ++j) {
                const double x = rows[i * width + j] - pca.mean[j];
                for (std::int64_t d = 0; d < dimensions; ++d) out[d] += x * pca.basis[j * dimensions + d];
            }
        }
    });
    return result;
}

}  // namespace linvox

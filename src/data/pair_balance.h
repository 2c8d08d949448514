// What chosen answers have more of than rejected ones, whatever they are worth: length, and repeated tokens.
// A difference in the mean is the one thing that all pairs agree on, so it is learned before anything else:
// chosen answers longer by 2 % made aligned models speak 20 % slower (README.md, Results).
//
// Not here: the rules by which pairs are made (pairs.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/data/records.h"

namespace linvox {

/// A property of pairs: chosen minus rejected, the mean over the rejected answers of a record.
struct PairProperty {
    const char* name;  // as pairs.balance names it
    const char* what;  // for the report
    std::function<double(const PreferenceRecord&)> difference;
};

/// length: ln of the ratio of scored tokens; repeats: share of scored tokens that equal the one before.
const std::vector<PairProperty>& pair_properties();
/// Their names.
Choices pair_property_names();

/// Mean of a property over records, and the standard error of that mean; 0 and 0 for fewer than two records.
struct Imbalance {
    double mean = 0, standard_error = 0;
};
Imbalance imbalance_of(const std::vector<PreferenceRecord>& records, const PairProperty& property);

/// Indices of the records to leave out, ascending, so that the mean of every property named lies within a
/// tenth of a standard error of 0. Greedy: each time the record without which the standardised means are
/// nearest to 0; the first of equals. Half of the records stay, whatever the means.
std::vector<std::size_t> unbalancing_records(const std::vector<PreferenceRecord>& records,
                                             const std::vector<std::string>& properties);

}  // namespace linvox

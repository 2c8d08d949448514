#include "eval/outcome.h"

#include <gtest/gtest.h>

#include <string>

namespace linvox {
namespace {

TEST(Outcome, HoldsAValueOrAReason) {
    const Outcome<double> good = 0.0;
    EXPECT_TRUE(static_cast<bool>(good));
    EXPECT_EQ(*good, 0);
    EXPECT_EQ(good.reason, "");
    const auto bad = Outcome<std::string>::failed(kNoVoiced);
    EXPECT_FALSE(static_cast<bool>(bad));
    EXPECT_FALSE(bad.value.has_value());
    EXPECT_EQ(bad.reason, "no_voiced");
}

}  // namespace
}  // namespace linvox

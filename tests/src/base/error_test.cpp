// The macros of error.h: the right type, the message only on failure, text never a format string.
#include "src/base/error.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace linvox {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

TEST(Error, RequireThrowsTheNamedTypeWithTheFormattedText) {
    const auto fail = [] { LINVOX_REQUIRE(1 + 1 == 3, DataError, "{}:{}: got {}", "a.jsonl", 12, "{raw}"); };
    EXPECT_THAT(fail, ThrowsMessage<DataError>("a.jsonl:12: got {raw}"));
    EXPECT_THROW(fail(), UserError);
}

TEST(Error, NothingIsEvaluatedWhenTheConditionHolds) {
    int built = 0;
    LINVOX_REQUIRE(true, UserError, "{}", ++built);
    LINVOX_ASSERT(true, "{}", ++built);
    EXPECT_EQ(built, 0);
}

TEST(Error, AssertIsABugWithItsPlaceAndNoUserError) {
    const auto fail = [] { LINVOX_ASSERT(false, "count {}", -1); };
    EXPECT_THAT(fail, ThrowsMessage<BugError>(AllOf(HasSubstr("error_test.cpp:"), HasSubstr(": count -1"))));
    EXPECT_THROW(fail(), std::logic_error);
}

TEST(Error, ConfigErrorIsAUserErrorAndNoDataError) {
    EXPECT_TRUE((std::is_base_of_v<UserError, ConfigError>));
    EXPECT_TRUE((std::is_base_of_v<UserError, DataError>));
    EXPECT_FALSE((std::is_base_of_v<DataError, ConfigError>));
    EXPECT_FALSE((std::is_base_of_v<UserError, BugError>));
}

}  // namespace
}  // namespace linvox

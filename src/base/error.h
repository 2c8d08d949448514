// The error types of Linvox and the two macros that raise them.
// Library code throws and never prints or exits; main() alone reports.
// The macros expand to fmt::format, so a file that uses them includes <fmt/format.h>.
#pragma once

#include <stdexcept>
#include <string>

namespace linvox {

/// The user can fix it. Exit code 2.
/// Wording: where, what must hold, what we got, what to do.
struct UserError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// All problems of one configuration, in one throw. Exit code 2.
struct ConfigError : UserError {
    using UserError::UserError;
};

/// A file, line or record that cannot be used. Exit code 2.
struct DataError : UserError {
    using UserError::UserError;
};

/// Only we can fix it: main() adds "please report". Exit code 70.
struct BugError : std::logic_error {
    using std::logic_error::logic_error;
};

}  // namespace linvox

#define LINVOX_REQUIRE(condition, Type, ...)                              \
    do {                                                                  \
        if (!(condition)) throw ::linvox::Type(fmt::format(__VA_ARGS__)); \
    } while (false)

#define LINVOX_ASSERT(condition, ...)                                                                        \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            throw ::linvox::BugError(fmt::format("{}:{}: ", __FILE__, __LINE__) + fmt::format(__VA_ARGS__)); \
    } while (false)

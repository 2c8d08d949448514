// A metric's value or the reason why there is none. Never NaN, never a made-up number.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

namespace linvox {

inline constexpr std::string_view kTooShort = "too_short";
inline constexpr std::string_view kTooLong = "too_long";
inline constexpr std::string_view kTooFew = "too_few";
inline constexpr std::string_view kSilent = "silent";
inline constexpr std::string_view kNoVoiced = "no_voiced";
inline constexpr std::string_view kLengthMismatch = "length_mismatch";
inline constexpr std::string_view kNotApplicable = "not_applicable";

template <typename T>
struct Outcome {
    std::optional<T> value;
    std::string_view reason;  // one of the constants above where there is no value

    Outcome(T v) : value(std::move(v)) {}  // NOLINT: a value converts
    static Outcome failed(std::string_view why) { return Outcome(why, 0); }

    explicit operator bool() const { return value.has_value(); }
    const T& operator*() const { return *value; }
    const T* operator->() const { return &*value; }

private:
    Outcome(std::string_view why, int) : reason(why) {}
};

}  // namespace linvox

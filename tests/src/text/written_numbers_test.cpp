#include "src/text/written_numbers.h"

#include <gtest/gtest.h>

#include "src/base/text.h"

namespace linvox {
namespace {

std::string read(std::string_view token, std::string_view next = "") {
    const auto number = read_written_number(token, next);
    return number ? join(number->words, " ") : "-";
}

TEST(WrittenNumbers, Plain) {
    EXPECT_EQ(read("7"), "seven");
    EXPECT_EQ(read("500"), "five hundred");
    EXPECT_EQ(read("1234"), "one two three four");
    EXPECT_EQ(read("1,234"), "one thousand two hundred thirty four");
    EXPECT_EQ(read("8500"), "eight thousand five hundred");
    EXPECT_EQ(read("1987"), "nineteen eighty seven");
    EXPECT_EQ(read("007"), "zero zero seven");
    EXPECT_EQ(read("28.8"), "twenty eight point eight");
    EXPECT_EQ(read(".5"), "point five");
    EXPECT_EQ(read("-3"), "minus three");
    EXPECT_EQ(read("50%"), "fifty percent");
    EXPECT_EQ(read("2.5%"), "two point five percent");
    EXPECT_EQ(read("#5"), "number five");
    EXPECT_EQ(read("21st"), "twenty first");
    EXPECT_EQ(read("12345678901234567890").substr(0, 13), "one two three");
}

TEST(WrittenNumbers, MoneyAndTime) {
    EXPECT_EQ(read("$5"), "five dollars");
    EXPECT_EQ(read("$1"), "one dollar");
    EXPECT_EQ(read("$5.20"), "five dollars twenty cents");
    EXPECT_EQ(read("$0.01"), "one cent");
    EXPECT_EQ(read("$0"), "zero dollars");
    EXPECT_EQ(read("\xC2\xA3"
                   "2.50"),
              "two pounds fifty pence");
    EXPECT_EQ(read("$2.5", "million"), "two point five million dollars");
    EXPECT_TRUE(read_written_number("$2", "million")->took_next);
    EXPECT_FALSE(read_written_number("$2", "men")->took_next);
    EXPECT_EQ(read("10:30"), "ten thirty");
    EXPECT_EQ(read("9:05"), "nine oh five");
    EXPECT_EQ(read("10:00"), "ten o'clock");
    EXPECT_EQ(read("10:00pm"), "ten p. m.");
    EXPECT_EQ(read("5am"), "five a. m.");
}

TEST(WrittenNumbers, GroupsAndFractions) {
    EXPECT_EQ(read("555-1234"), "five five five one two three four");
    EXPECT_EQ(read("1-7"), "one to seven");
    EXPECT_EQ(read("1/2"), "one half");
    EXPECT_EQ(read("3/4"), "three quarters");
    EXPECT_EQ(read("2/3"), "two thirds");
    EXPECT_EQ(read("5/12"), "five over twelve");
}

TEST(WrittenNumbers, OtherTokensAreLeft) {
    for (const char* token : {"", "word", "3D", "$", "%", "-", "1.2.3", "10:3", "12:345", "$x", "x5"}) {
        EXPECT_EQ(read(token), "-") << token;
    }
}

}  // namespace
}  // namespace linvox

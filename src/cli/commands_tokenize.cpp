#include "src/cli/commands_tokenize.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/text/chat_template.h"
#include "src/text/tokenizer.h"
#include "src/text/utf8.h"

namespace linvox {
namespace {

using nlohmann::json;

// Blank lines count: each line of input gives one of output.
void for_each_input_line(const std::string& input, const std::function<void(const std::string&)>& visit) {
    std::ifstream file;
    if (input != "-") {
        file.open(input, std::ios::binary);
        LINVOX_REQUIRE(file, DataError, "{}: cannot read", input);
    }
    std::istream& stream = input == "-" ? std::cin : file;
    std::size_t number = 0;
    for (std::string line; std::getline(stream, line);) {
        ++number;
        const auto where = [&] {
            return fmt::format("{}:{}", input == "-" ? "standard input" : input, number);
        };
        try {
            visit(line);
        } catch (const DataError& problem) {
            throw DataError(fmt::format("{}: {}", where(), problem.what()));
        } catch (const json::exception& problem) {
            throw DataError(fmt::format("{}: {}", where(), problem.what()));
        }
    }
}

// The vocabulary may hold broken UTF-8 only through a damaged file; nlohmann-json would throw then.
std::string dump_line(const json& record) {
    return record.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string encode_line(const Tokenizer& tokenizer, const TokenizeArguments& arguments,
                        const std::string& line) {
    const std::string text = arguments.jsonl ? json::parse(line).at("text").get<std::string>() : line;
    const std::vector<std::int32_t> ids = tokenizer.encode(text, arguments.special);
    json record = {{"ids", ids}};
    if (arguments.tokens) {
        record["tokens"] = json::array();
        for (const std::int32_t id : ids) record["tokens"].push_back(tokenizer.token(id));
    }
    return dump_line(record);
}

std::string decode_line(const Tokenizer& tokenizer, const TokenizeArguments& arguments,
                        const std::string& line) {
    const json record = json::parse(line);
    const json& list = record.is_array() ? record : record.at("ids");
    const std::string text = tokenizer.decode(list.get<std::vector<std::int32_t>>(), arguments.skip_special);
    return arguments.jsonl ? dump_line({{"text", text}}) : text + "\n";
}

}  // namespace

void command_tokenize(const TokenizeArguments& arguments) {
    const Tokenizer tokenizer = load_tokenizer(arguments.model);
    const auto convert = arguments.decode ? decode_line : encode_line;
    for_each_input_line(arguments.input, [&](const std::string& line) {
        const std::string out = convert(tokenizer, arguments, line);
        std::fwrite(out.data(), 1, out.size(), stdout);
    });
    LINVOX_REQUIRE(std::fflush(stdout) == 0, UserError, "cannot write to standard output");
}

void command_templates() { fmt::print("{}", describe_chat_templates()); }

}  // namespace linvox

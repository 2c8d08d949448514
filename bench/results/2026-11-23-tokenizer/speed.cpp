// speed MODEL FILE ROUNDS: CPU seconds of Tokenizer::encode over the "text" of each line of a JSONL file.
#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "src/base/jsonl.h"
#include "src/text/tokenizer.h"

int main(int, char** argv) {
    const linvox::Tokenizer tokenizer = linvox::load_tokenizer(argv[1]);
    std::vector<std::string> texts;
    linvox::for_each_json_line(argv[2], [&](const nlohmann::json& line, std::size_t) {
        texts.push_back(line.at("text").get<std::string>());
    });
    for (int round = 0; round < std::stoi(argv[3]); ++round) {
        const std::clock_t start = std::clock();
        std::size_t bytes = 0, ids = 0;
        for (const std::string& text : texts) bytes += text.size(), ids += tokenizer.encode(text).size();
        const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
        fmt::print("{} bytes {} ids, {:.4f} s, {:.1f} MB/s of CPU\n", bytes, ids, seconds,
                   static_cast<double>(bytes) / seconds / 1e6);
    }
}

// `linvox tokenize` and `linvox templates`: text to ids and back as JSON lines, and the chat templates.
#pragma once

#include <string>

namespace linvox {

struct TokenizeArguments {
    std::string model;          // directory, tokenizer.json or *.model
    std::string input = "-";    // file, "-": standard input
    bool decode = false;        // lines of {"ids": [...]} to text
    bool jsonl = false;         // text is a JSON string, {"text": "..."}, instead of a line
    bool tokens = false;        // "tokens" beside "ids"
    bool special = false;       // encode: BOS and the like around each text
    bool skip_special = false;  // decode: without special tokens
};

void command_tokenize(const TokenizeArguments& arguments);
void command_templates();

}  // namespace linvox

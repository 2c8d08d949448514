// `linvox validate`: what is wrong with a data file, before any training.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace linvox {

struct ValidateArguments {
    std::filesystem::path file;
    std::filesystem::path fix;  // where the repaired copy goes; empty: none
    std::filesystem::path
        tokenizer;  // model directory or its tokenizer file, for the prefix check; empty: none
    std::string
        chat_template;     // name of one, for the prefix check; "": prompt and answer are joined as they are
    std::size_t most = 5;  // findings listed of each kind
};

/// Prints the findings. Returns 2 when errors remain (in the copy, with --fix), else 0.
int command_validate(const ValidateArguments& arguments);

}  // namespace linvox

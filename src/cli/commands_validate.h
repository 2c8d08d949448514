// `linvox validate`: what is wrong with a data file, before any training.
#pragma once

#include <cstddef>
#include <filesystem>

namespace linvox {

struct ValidateArguments {
    std::filesystem::path file;
    std::filesystem::path fix;  // where the repaired copy goes; empty: none
    std::filesystem::path
        tokenizer;         // model directory or its tokenizer file, for the prefix check; empty: none
    std::size_t most = 5;  // findings listed of each kind
};

/// Prints the findings. Returns 2 when errors remain (in the copy, with --fix), else 0.
int command_validate(const ValidateArguments& arguments);

}  // namespace linvox

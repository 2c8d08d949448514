// Linvox's own records, for validate_file(): their readers check everything, and their messages become
// findings.
#pragma once

#include <filesystem>
#include <string>

#include "src/data/validate.h"

namespace linvox {

/// `kind` as the file's header has it: candidates, pairs, sft.
ValidationReport validate_native(const std::filesystem::path& path, const std::string& kind);

}  // namespace linvox

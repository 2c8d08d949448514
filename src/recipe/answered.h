// Held-out answers of a text or math run: every system's, written by answer, read by evaluate and report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/text_metrics.h"

namespace linvox {

/// The worked solutions or preferred answers of the data, shown beside the models.
inline constexpr const char* kGoldSystem = "gold";

struct Answered {
    std::string system, item;   // item: "<prompt>.<sample>", equal across systems
    std::string prompt, split;  // the prompt's id and split
    std::string prompt_text;
    TextAnswer answer;
};

void write_answered(const std::filesystem::path& path, const std::vector<Answered>& answers);
std::vector<Answered> read_answered(const std::filesystem::path& path);

}  // namespace linvox

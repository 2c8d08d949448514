// Sections of the recipe file that only the text and math recipes have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/generate/sampler.h"
#include "src/recipe/math_problems.h"

namespace linvox {

/// What is generated when no manifest is given.
struct GenerateConfig {
    MathProblemConfig problem;
    std::int64_t train = 4000, prompts = 3000, valid = 300, test = 1000, unseen = 500;
    void visit(ConfigVisitor& v);
};

struct MathDataConfig {
    std::filesystem::path manifest, test_manifest;
    double valid_share = 0.05;
    GenerateConfig generate;
    void visit(ConfigVisitor& v);
};

/// Pairs out of running prose: a true continuation against damaged ones.
struct ProseConfig {
    std::int64_t prompt_words = 24, answer_words = 24;
    std::vector<std::string> kinds = {"shuffle", "repeat", "swap", "replace"};
    double damage = 0.5;
    std::int64_t rejected = 2;
    void visit(ConfigVisitor& v);
};

/// What of the answers is scored, and conversations for SFT: of every recipe that reads preference data.
struct AnswerPartsConfig {
    std::vector<std::string> spans;
    std::string turns = "marked";
    std::filesystem::path dialogues;
    void visit(ConfigVisitor& v);
    /// What contradicts itself, one sentence each.
    std::vector<std::string> problems() const;
};

struct TextDataConfig {
    std::filesystem::path manifest;
    AnswerPartsConfig parts;
    std::vector<std::string> corpus;
    std::filesystem::path corpus_folder;
    double valid_share = 0.05, test_share = 0.15;
    std::int64_t pieces = 1000;
    bool learn_prompts = true;
    ProseConfig prose;
    void visit(ConfigVisitor& v);
};

/// Sampling without the settings that belong to speech.
struct TextSampling {
    SamplingConfig sampling;
    void visit(ConfigVisitor& v) { sampling.visit(v, false); }
};

struct TextCandidatesConfig {
    std::int64_t per_prompt = 6;
    TextSampling sampling{{.temperature = 1.0, .max_tokens = 80, .batch_rows = 256}};
    void visit(ConfigVisitor& v);
};

/// Held-out prompts answered by every model.
struct AnswerConfig {
    std::vector<std::string> splits = {"test"};
    std::int64_t samples = 1;
    TextSampling sampling{{.temperature = 0.0, .max_tokens = 80, .batch_rows = 256}};
    void visit(ConfigVisitor& v, bool has_splits = true);
};

struct MathJudgeConfig {
    std::string filter = "strict";
    bool steps = true;
    void visit(ConfigVisitor& v);
};

}  // namespace linvox

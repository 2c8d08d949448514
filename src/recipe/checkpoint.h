// Recipes that start from a checkpoint: an existing model directory in place of a model trained from scratch.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/data/answer_ids.h"
#include "src/data/answer_lines.h"
#include "src/recipe/text_config.h"
#include "src/text/chat_template.h"

namespace linvox {

struct RecipeConfig;

struct RoleConfig {
    RoleForm form;
    void visit(ConfigVisitor& v);
};

/// A chat template in the recipe's own strings.
struct OwnTemplateConfig {
    std::string start, default_system, answer_role = "assistant";
    bool trim = false;
    std::vector<RoleConfig> roles;
    void visit(ConfigVisitor& v);
    ChatTemplate form() const;
};

/// Where a run starts, and how the model wants its dialogues.
struct StartConfig {
    std::filesystem::path directory;     // empty: a model is trained from scratch
    std::string chat_template = "none";  // none, the name of a preset, or own
    OwnTemplateConfig own_template;
    bool codec_only = false;  // from here on: the checkpoint recipe alone; see AnswerIdChoice
    std::vector<std::int64_t> id_range, stop_ids;

    void visit(ConfigVisitor& v);
    void visit_answer_ids(ConfigVisitor& v);

    bool given() const { return !directory.empty(); }
    /// The template's strings; none for "none".
    std::optional<ChatTemplate> form() const;
    /// What contradicts itself, one sentence each.
    std::vector<std::string> problems() const;
};

/// The preference data of the checkpoint recipe.
struct CheckpointDataConfig {
    std::filesystem::path manifest;
    AnswerPartsConfig parts;
    double valid_share = 0.05;
    bool append_end = true;
    void visit(ConfigVisitor& v);
};

/// What the checkpoint's answers are made of, and how lines of text and ids become records.
AnswerIds answer_ids_of(const StartConfig& start);
LineRules line_rules(const StartConfig& start, const CheckpointDataConfig& data);

/// What prepare writes for the stages behind it.
void write_checkpoint_vocabulary(const std::filesystem::path& file, const AnswerIds& ids);
AnswerIds read_checkpoint_vocabulary(const std::filesystem::path& file);

/// config.json and the tokenizer's files of the checkpoint, or none: what stages without weights read of it.
std::vector<std::filesystem::path> start_text_files(const RecipeConfig& config);
/// All its files, so that a changed weight is noticed.
std::vector<std::filesystem::path> start_files(const RecipeConfig& config);

}  // namespace linvox

#include "src/recipe/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/jsonl.h"
#include "src/model/model_directory.h"
#include "src/recipe/recipe_config.h"
#include "src/text/tokenizer.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVocabularyFormat = "linvox-checkpoint-vocabulary/2";

const Choices& template_choices() {
    static const Choices choices = [] {
        Choices all = {"none"};
        for (const ChatTemplate& form : chat_templates()) all.push_back(form.name);
        all.emplace_back("own");
        return all;
    }();
    return choices;
}

}  // namespace

void RoleConfig::visit(ConfigVisitor& v) {
    v.field("role", form.role, "system, user, assistant or speaker");
    v.field("prefix", form.prefix, "text in front of a message; fed where this role answers");
    v.field("lead", form.lead, "text behind prefix that the answering role predicts");
    v.field("stop", form.stop, "text behind the message that the answering role predicts");
    v.field("after", form.after, "text between this message and the next");
}

void OwnTemplateConfig::visit(ConfigVisitor& v) {
    v.field("start", start, "text before everything: mostly the BOS token");
    v.field("default_system", default_system, "stands for the system message when there is none");
    v.field("answer_role", answer_role, "the role that the model answers in");
    v.field("trim", trim, "messages lose white space at both ends");
    v.sections("roles", roles, "how a message of each role is written");
}

ChatTemplate OwnTemplateConfig::form() const {
    ChatTemplate form{.name = "own", .start = start, .default_system = default_system};
    for (const RoleConfig& role : roles) form.roles.push_back(role.form);
    form.answer_role = answer_role;
    form.trim = trim;
    return form;
}

void StartConfig::visit(ConfigVisitor& v) {
    v.path("start", directory, "checkpoint to start from, a Hugging Face directory; see docs/models.md");
    v.choice("template", chat_template,
             "chat template of prompts and answers that are text: a preset of `linvox templates`, own, or "
             "none (plain "
             "text)",
             template_choices());
    v.section("own_template", own_template, "the strings of template = \"own\"");
}

void StartConfig::visit_answer_ids(ConfigVisitor& v) {
    v.field("codec_only", codec_only,
            "softmax over the codec's ids, found from the tokens' names, and the stop ids alone");
    v.field("id_range", id_range, "softmax over the ids [begin, end) and the stop ids alone; empty: all ids",
            Range{0, 1e9});
    v.field("stop_ids", stop_ids, "ids that end an answer; empty: the codec's, else config.json's",
            Range{0, 1e9});
}

std::optional<ChatTemplate> StartConfig::form() const {
    if (chat_template == "none") return std::nullopt;
    return chat_template == "own" ? own_template.form() : find_chat_template(chat_template);
}

std::vector<std::string> StartConfig::problems() const {
    std::vector<std::string> found;
    if (!given() && chat_template != "none")
        found.push_back("model.template belongs to a checkpoint, and model.start names none");
    if ((chat_template == "own") == own_template.roles.empty())
        found.push_back("model.own_template.roles and model.template = 'own' belong together");
    if (codec_only && !id_range.empty())
        found.push_back("model.codec_only and model.id_range both name the ids of answers; set one of them");
    return found;
}

void CheckpointDataConfig::visit(ConfigVisitor& v) {
    v.path(
        "manifest", manifest,
        "JSON lines with prompt, chosen and rejected, as text, messages or ids, or answers with scores; see "
        "docs/models.md");
    parts.visit(v);
    v.field("valid_share", valid_share, "share of the prompts held out to watch and judge", Range{0.0, 0.9});
    v.field("append_end", append_end,
            "end answers that have no end token with the template's, else with the first stop id");
}

AnswerIds answer_ids_of(const StartConfig& start) {
    return answer_ids_of(start.directory, read_model_config(start.directory),
                         {start.codec_only, start.id_range, {start.stop_ids.begin(), start.stop_ids.end()}});
}

LineRules line_rules(const StartConfig& start, const CheckpointDataConfig& data) {
    const AnswerIds ids = answer_ids_of(start);
    return line_rules(start.directory, read_model_config(start.directory),
                      {start.form(), !ids.softmax.is_all(), ids.stop_ids, data.append_end,
                       parse_turn_selection(data.parts.turns)});
}

void write_checkpoint_vocabulary(const fs::path& file, const AnswerIds& ids) {
    write_json(file, {{"format", kVocabularyFormat},
                      {"begin", ids.softmax.begin},
                      {"end", ids.softmax.end},
                      {"extra_ids", ids.softmax.extra_ids},
                      {"stop_ids", ids.stop_ids}});
}

AnswerIds read_checkpoint_vocabulary(const fs::path& file) {
    const nlohmann::json document = read_json(file);
    LINVOX_REQUIRE(document.value("format", "") == kVocabularyFormat, DataError,
                   "{}: \"format\" must be \"{}\"", file.string(), kVocabularyFormat);
    return {
        {document.at("begin"), document.at("end"), document.at("extra_ids").get<std::vector<std::int64_t>>()},
        document.at("stop_ids").get<std::vector<std::int32_t>>()};
}

std::vector<fs::path> start_text_files(const RecipeConfig& config) {
    const fs::path& directory = config.model.start.directory;
    if (!fs::is_directory(directory)) return {};  // the first stage that reads it says so
    std::vector<fs::path> files = tokenizer_files(directory);
    if (fs::exists(directory / kModelConfigFile)) files.push_back(directory / kModelConfigFile);
    return files;
}

std::vector<fs::path> start_files(const RecipeConfig& config) {
    std::vector<fs::path> files;
    if (!fs::is_directory(config.model.start.directory)) return files;
    for (const auto& entry : fs::directory_iterator(config.model.start.directory))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace linvox

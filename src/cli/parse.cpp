#include "src/cli/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "src/base/error.h"
#include "src/base/text.h"
#include "src/cli/commands.h"
#include "src/cli/commands_tokenize.h"
#include "src/cli/commands_validate.h"
#include "src/cli/parse_models.h"
#include "src/model/device.h"
#include "src/recipe/recipe.h"
#include "src/recipe/version.h"

namespace linvox {
namespace {

void add_source(CLI::App& app, ConfigSource& source) {
    app.add_option("recipe", source.file, "recipe file (TOML)")->required();
    app.add_option("--profile", source.profile, "lay the recipe's [profile.NAME] over its settings");
    app.add_option("--set", source.overrides, "KEY=VALUE over the recipe, for example --set sft.steps=500")
        ->allow_extra_args(false)
        ->take_all();
}

void add_run_options(CLI::App& app, RunArguments& arguments) {
    add_source(app, arguments.source);
    app.add_option("--run", arguments.run, "run directory (default: the recipe's run_dir)");
}

void add_run(CLI::App& app, RunArguments& arguments) {
    CLI::App* run =
        app.add_subcommand("run", "run a recipe; finished stages whose inputs are unchanged are skipped");
    add_run_options(*run, arguments);
    run->add_option("--from", arguments.stages.from, "redo this stage and all after it");
    run->add_option("--only", arguments.stages.only, "run this stage alone");
    run->add_option("--reuse", arguments.stages.reuse,
                    "copy finished stages of this run directory where recipe and inputs are the same");
    run->add_flag("--dry-run", arguments.stages.dry_run, "say what would run");
    run->add_flag("--resume", arguments.resume,
                  "go on where an interrupted run stopped (always done; for scripts that say so)");
    run->callback([&arguments] { command_run(arguments); });
}

/// Every stage is a command of its own: `linvox sft RECIPE` is `linvox run --only sft RECIPE`.
void add_stage_commands(CLI::App& app, RunArguments& arguments) {
    std::set<std::string> names;  // tasks share most of them
    for (const Task& task : tasks())
        for (const Stage& stage : task.stages) {
            if (!names.insert(stage.name).second) continue;
            CLI::App* command = app.add_subcommand(stage.name, stage.doc)->group("Stages of a recipe");
            add_run_options(*command, arguments);
            command->callback([&arguments, name = stage.name] {
                arguments.stages.only = name;
                command_run(arguments);
            });
        }
}

struct PoolArguments {
    std::vector<std::filesystem::path> runs;
    std::filesystem::path out;
};

void add_pool(CLI::App& app, PoolArguments& arguments) {
    CLI::App* pool =
        app.add_subcommand("pool", "one report over several runs of a recipe, for example its seeds");
    pool->add_option("runs", arguments.runs, "run directories")->required();
    pool->add_option("--out", arguments.out, "folder of the report")->required();
    pool->callback([&arguments] { command_pool(arguments.runs, arguments.out); });
}

void add_tokenize(CLI::App& app, TokenizeArguments& arguments) {
    CLI::App* tokenize = app.add_subcommand("tokenize", "lines of text to token ids as JSON lines, and back");
    tokenize->add_option("--model", arguments.model, "model directory, tokenizer.json or *.model")
        ->required();
    tokenize->add_option("input", arguments.input, "file of lines (default: -, standard input)");
    tokenize->add_flag("--decode", arguments.decode, "the way back: lines of {\"ids\": [...]} to text");
    tokenize->add_flag("--jsonl", arguments.jsonl,
                       "text as {\"text\": \"...\"}, so that it may hold newlines");
    tokenize->add_flag("--tokens", arguments.tokens, "write the tokens beside the ids");
    tokenize->add_flag("--special", arguments.special, "add what the model puts around a text (BOS)");
    tokenize->add_flag("--skip-special", arguments.skip_special, "decode without special tokens");
    tokenize->callback([&arguments] { command_tokenize(arguments); });
}

void add_validate(CLI::App& app, ValidateArguments& arguments, int& code) {
    CLI::App* validate =
        app.add_subcommand("validate", "find what is wrong with a data file before training");
    validate
        ->add_option("file", arguments.file,
                     "JSON lines: preferences, conversations, math problems or Linvox's records")
        ->required();
    validate->add_option("--fix", arguments.fix,
                         "write a copy with everything repaired that is safe to repair");
    validate->add_option(
        "--tokenizer", arguments.tokenizer,
        "model directory, tokenizer.json or *.model: also check that prompts are prefixes, and ids");
    validate->add_option("--template", arguments.chat_template,
                         "chat template that stands between prompts and answers (`linvox templates`)");
    validate->add_option("--most", arguments.most, "findings listed of each kind");
    validate->callback([&arguments, &code] { code = command_validate(arguments); });
}

/// CLI11 would only say that a command is missing.
void check_command(const CLI::App& app, int argc, char** argv) {
    if (argc < 2 || argv[1][0] == '-') return;
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return;
    const std::string nearest = nearest_name(argv[1], names);
    throw UserError(fmt::format("no command '{}'{}; `linvox --help` lists them", argv[1],
                                nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest)));
}

}  // namespace

int parse_and_run(int argc, char** argv) {
    CLI::App app("Linvox aligns speech language models with what listeners prefer.", "linvox");
    app.set_version_flag("--version", std::string("linvox ") + kVersion);
    app.require_subcommand(1);
    app.fallthrough();  // options of all commands may stand behind a command
    app.add_option_function<std::string>(
           "--device", configure_device,
           "where models are trained, scored and run: auto (a CUDA GPU where there is one), cpu, cuda")
        ->check(CLI::IsMember(device_choices()))
        ->trigger_on_parse();
    RunArguments arguments;
    add_run(app, arguments);
    add_stage_commands(app, arguments);
    PoolArguments pool;
    add_pool(app, pool);
    ValidateArguments validate;
    int code = 0;
    add_validate(app, validate, code);
    CLI::App* config =
        app.add_subcommand("config", "print the resolved recipe with the meaning of every key");
    add_source(*config, arguments.source);
    config->callback([&arguments] { command_config(arguments.source); });
    app.add_subcommand("stages", "list the stages of a recipe")->callback(command_stages);
    app.add_subcommand("metrics", "list the evaluation metrics")->callback(command_metrics);
    CLI::App* losses = app.add_subcommand("losses", "list the losses, or evaluate them on given numbers");
    std::filesystem::path loss_file;
    CLI::App* eval =
        losses->add_subcommand("eval", "value, rewards and gradients of each line of a JSONL file");
    eval->add_option("file", loss_file, "JSON lines: loss, options, sums and token counts")->required();
    losses->callback([&] { eval->parsed() ? command_losses_eval(loss_file) : command_losses(); });
    TokenizeArguments tokenize;
    add_tokenize(app, tokenize);
    app.add_subcommand("templates", "list the chat templates")->callback(command_templates);
    add_model_commands(app);
    for (CLI::App* command : app.get_subcommands({}))
        command->footer("--device TEXT, which every command knows, is described in `linvox --help`.");
    check_command(app, argc, argv);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return code;
}

}  // namespace linvox

#include "src/cli/parse_models.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>

#include "src/base/error.h"
#include "src/cli/commands_models.h"

namespace linvox {
namespace {

constexpr const char* kGroup = "Models";

/// Options from a config struct's visit(): field top_p becomes --top-p with its help and range.
class OptionVisitor : public ConfigVisitor {
public:
    explicit OptionVisitor(CLI::App& command) : command_(command) {}
    void field(std::string_view key, bool& value, std::string_view help) override {
        command_.add_flag(name(key), value, std::string(help));
    }
    void field(std::string_view key, std::int64_t& value, std::string_view help, Range range) override {
        ranged(key, value, help, range);
    }
    void field(std::string_view key, double& value, std::string_view help, Range range) override {
        ranged(key, value, help, range);
    }
    void field(std::string_view key, std::string& value, std::string_view help) override {
        command_.add_option(name(key), value, std::string(help));
    }
    void choice(std::string_view key, std::string& value, std::string_view help,
                const Choices& allowed) override {
        command_.add_option(name(key), value, std::string(help))->check(CLI::IsMember(allowed));
    }
    void path(std::string_view key, std::filesystem::path& value, std::string_view help) override {
        command_.add_option(name(key), value, std::string(help));
    }
    void field(std::string_view key, std::vector<double>& value, std::string_view help, Range) override {
        command_.add_option(name(key), value, std::string(help));
    }
    void field(std::string_view key, std::vector<std::int64_t>& value, std::string_view help,
               Range) override {
        command_.add_option(name(key), value, std::string(help));
    }
    void field(std::string_view key, std::vector<std::string>& value, std::string_view help,
               const Choices&) override {
        command_.add_option(name(key), value, std::string(help));
    }

private:
    static std::string name(std::string_view key) {
        std::string option = "--" + std::string(key);
        std::replace(option.begin() + 2, option.end(), '_', '-');
        return option;
    }
    template <typename Number>
    void ranged(std::string_view key, Number& value, std::string_view help, Range range) {
        command_.add_option(name(key), value, std::string(help))
            ->check(CLI::Range(range.low, range.high).description(""))  // not FLOAT for whole numbers
            ->capture_default_str();
    }
    bool begin_section(std::string_view, std::string_view) override { return true; }
    void end_section() override {}
    void begin_list(std::string_view, std::string_view, std::size_t,
                    const std::function<void(std::size_t)>&) override {}
    void begin_item(std::size_t) override {}
    void end_item() override {}
    void end_list() override {}

    CLI::App& command_;
};

CLI::App* command(CLI::App& app, const char* name, const char* help) {
    return app.add_subcommand(name, help)->group(kGroup);
}

void add_model(CLI::App& app, ModelArguments& model) {
    app.add_option("--model", model.model, "model directory (config.json, safetensors)")->required();
    app.add_option("--adapter", model.adapter, "adapter directory in PEFT's layout");
    app.add_option("--precision", model.precision,
                   "of weights and products: stored (as in the files), f32, bf16")
        ->check(CLI::IsMember({"stored", "f32", "bf16"}))
        ->capture_default_str();
    app.add_option("--stop", model.ids.stop_ids,
                   "ids that end an answer (default: the template's, and the codec's or config.json's)")
        ->delimiter(',');
    app.add_option("--template", model.chat_template,
                   "chat template of prompts and answers that are text (`linvox templates`; default: none)");
    app.add_flag("--codec-only", model.ids.codec_only, "softmax over the codec's ids and the stop ids alone");
    app.add_option("--range", model.range,
                   "softmax over the ids BEGIN:END (END not included) and the stop ids");
}

void add_score(CLI::App& app, ScoreArguments& a) {
    CLI::App* score = command(app, "score", "log-probabilities of the answers in a JSONL file");
    add_model(*score, a.model);
    score->add_option("--data", a.data, "records with prompt_ids or prompt, and answers (docs/models.md)")
        ->required();
    score->add_option("--out", a.out, "file to write (default: stdout)");
    score->add_flag("--per-token", a.per_token, "each token's log-probability too");
    score->add_option("--token-budget", a.token_budget, "tokens of a batch")
        ->check(CLI::Range(1, 1 << 24))
        ->capture_default_str();
    score->callback([&a] { command_score(a); });
}

void add_generate(CLI::App& app, GenerateArguments& a) {
    CLI::App* generate =
        command(app, "generate", "sample answers to the prompts of a JSONL file; may be run again");
    add_model(*generate, a.model);
    generate->add_option("--prompts", a.prompts, "records with prompt_ids or prompt")->required();
    generate->add_option("--out", a.out, "candidates file; prompts it holds already are skipped")->required();
    generate->add_option("--samples", a.samples, "answers to each prompt")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    generate->add_option("--seed", a.seed, "of the whole run; each answer has its own of it")
        ->capture_default_str();
    generate->add_flag("--logprobs", a.sampling.token_logprobs, "keep each token's log-probability");
    OptionVisitor options(*generate);
    a.sampling.visit(options);
    generate->callback([&a] { command_generate(a); });
}

void add_import(CLI::App& app, ImportArguments& a) {
    CLI::App* import = command(app, "import", "candidates that another program generated");
    import->require_subcommand(1);
    CLI::App* vllm = import->add_subcommand("vllm", "one RequestOutput of vLLM a line, with token ids");
    vllm->add_option("--in", a.in, "JSONL of vLLM")->required();
    vllm->add_option("--out", a.out, "candidates file to write")->required();
    vllm->add_option("--model", a.model, "model directory: vocabulary size and stop ids");
    vllm->add_option("--stop", a.stop_ids, "ids that end an answer")->delimiter(',');
    vllm->callback([&a] { command_import_vllm(a); });
}

struct InspectArguments {
    std::filesystem::path directory;
    InspectOptions options;
    bool as_json = false;
};

void add_inspect(CLI::App& app, InspectArguments& a) {
    CLI::App* inspect = command(app, "inspect", "what a model directory holds, needs and lacks");
    inspect->add_option("directory", a.directory, "model directory")->required();
    const auto length = [&](const char* name, std::int64_t& value, const char* help) {
        inspect->add_option(name, value, help)->check(CLI::Range(1, 1 << 24))->capture_default_str();
    };
    length("--prompt", a.options.prompt, "tokens of a prompt, for the memory estimate");
    length("--answer", a.options.answer, "tokens of an answer");
    length("--batch", a.options.batch, "examples or pairs of a micro-batch");
    length("--rank", a.options.rank, "of LoRA");
    inspect->add_flag("--json", a.as_json, "as JSON");
    inspect->callback([&a] { command_inspect(a.directory, a.options, a.as_json); });
}

void add_merge(CLI::App& app, MergeArguments& a) {
    CLI::App* merge = command(app, "merge", "write a model with an adapter merged into its weights");
    merge->add_option("--model", a.model, "model directory")->required();
    merge->add_option("--adapter", a.adapter, "adapter directory in PEFT's layout")->required();
    merge->add_option("--out", a.out, "directory to write")->required();
    merge->callback([&a] { command_merge(a); });
}

void add_grow(CLI::App& app, GrowArguments& a) {
    CLI::App* grow = command(app, "grow", "add codec tokens to a text model");
    grow->add_option("--model", a.model, "model directory")->required();
    grow->add_option("--out", a.out, "directory to write")->required();
    grow->add_option("--codec-tokens", a.grow.count, "tokens to add")
        ->required()
        ->check(CLI::Range(1, 1 << 22));
    grow->add_option("--pattern", a.pattern, "their names; N is the number")->capture_default_str();
    grow->add_option("--marks", a.marks, "special tokens to add in front of them, for a template")
        ->delimiter(',');
    grow->add_option("--init", a.grow.init, "of the new rows: mean, normal, zeros")
        ->check(CLI::IsMember({"mean", "normal", "zeros"}))
        ->capture_default_str();
    grow->add_option("--noise", a.grow.noise, "share of the old rows' deviation laid over the mean")
        ->check(CLI::Range(0.0, 10.0))
        ->capture_default_str();
    grow->add_option("--multiple", a.grow.multiple, "round the vocabulary up to a multiple of this")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    grow->add_option("--seed", a.grow.seed, "of the noise")->capture_default_str();
    grow->callback([&a] { command_grow(a); });
}

struct Arguments {
    ScoreArguments score;
    GenerateArguments generate;
    ImportArguments import;
    InspectArguments inspect;
    MergeArguments merge;
    GrowArguments grow;
};

}  // namespace

void add_model_commands(CLI::App& app) {
    static Arguments arguments;
    add_inspect(app, arguments.inspect);
    add_score(app, arguments.score);
    add_generate(app, arguments.generate);
    add_import(app, arguments.import);
    add_grow(app, arguments.grow);
    add_merge(app, arguments.merge);
}

}  // namespace linvox

#include "src/recipe/report_inputs.h"

#include <fmt/format.h>

#include <cctype>
#include <ctime>
#include <nlohmann/json.hpp>

#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/config/config_io.h"
#include "src/model/model_directory.h"
#include "src/recipe/spoken.h"
#include "src/recipe/start_model.h"
#include "src/recipe/sweep.h"
#include "src/recipe/version.h"

namespace linvox {
namespace {

std::string today() {
    const std::time_t now = std::time(nullptr);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", std::gmtime(&now));
    return text;
}

std::string minutes_of(const RunDirectory& run) {
    double seconds = 0;
    for (const auto& entry : std::filesystem::directory_iterator(run.root() / "stages")) {
        const auto file = entry.path() / "stage.json";
        if (std::filesystem::exists(file)) seconds += read_json(file).value("seconds", 0.0);
    }
    return fmt::format("{:.1f} min", seconds / 60);
}

}  // namespace

ReportRun describe_report_run(const StageContext& context) {
    const RecipeConfig& config = context.config;
    ReportRun run;
    run.title = config.report.title;
    run.version = kVersion;
    run.config_hash = config_digest([&](ConfigVisitor& v) { const_cast<RecipeConfig&>(config).visit(v); });
    run.date = today();
    run.seed = static_cast<std::uint64_t>(config.seed);
    const Decoder decoder = load_model_directory(context.run.stage("sft") / "model");
    run.facts = {{"model", fmt::format("{:.2f} M weights, {} layers, width {}",
                                       static_cast<double>(weight_count(decoder)) / 1e6,
                                       decoder.config.num_layers, decoder.config.hidden_size)},
                 {"time so far", minutes_of(context.run)}};
    for (const AlignRun& entry : config.align)
        run.facts.emplace_back(entry.name, describe_loss(entry.train.loss));
    return run;
}

std::vector<ReportSystem> list_models(const RecipeConfig& config) {
    std::vector<ReportSystem> systems = {{kSftSystem, "SFT", false, {}}};
    for (const AlignRun& run : config.align) {
        std::string label = run.name;
        for (char& c : label) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        systems.push_back({run.name, label, false, {}});
    }
    return systems;
}

std::vector<ReportComparison> list_comparisons(const RecipeConfig& config) {
    std::vector<ReportComparison> comparisons;
    for (const AlignRun& run : config.align) comparisons.push_back({kSftSystem, run.name});
    for (std::size_t i = 1; i < config.align.size(); ++i)
        comparisons.push_back({config.align[i].name, config.align[0].name});
    return comparisons;
}

std::vector<Curve> training_curves(const StageContext& context) {
    std::vector<Curve> curves;
    const auto add = [&](const std::filesystem::path& file, const std::string& run) {
        for (Curve& curve : read_curves(file, run, "train")) curves.push_back(std::move(curve));
    };
    if (!keeps_checkpoint(context.config)) add(context.run.stage("sft") / "train.jsonl", kSftSystem);
    for (const AlignRun& run : context.config.align)
        add(context.run.stage("align") / run.name / "train.jsonl", run.name);
    return curves;
}

void finish_report(const StageContext& context, ReportInput input) {
    Report report = build_report(std::move(input));
    const auto& runs = context.config.align;
    if (const auto sweep = find_sweep(runs))
        report.input.panels.insert(report.input.panels.begin(),
                                   sweep_panel(*sweep, runs, context.run.stage("align"), report));
    write_report(context.run.report(), report);
    write_file_atomic(context.folder / "table.txt", terminal_table(report));
}

}  // namespace linvox

#include "src/cli/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "eval/metric.h"
#include "eval/pool.h"
#include "eval/report.h"
#include "eval/text_metrics.h"
#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/loss/evaluate.h"
#include "src/loss/loss_listing.h"
#include "src/recipe/recipe.h"

namespace linvox {

void command_run(const RunArguments& arguments) {
    const RecipeConfig config = read_recipe(arguments.source);
    const auto root = run_recipe(config, arguments.run, arguments.stages);
    if (arguments.stages.dry_run) return;
    const auto table = root / "stages" / "report" / "table.txt";
    const bool reported = arguments.stages.only.empty() || arguments.stages.only == "report";
    if (!reported || !std::filesystem::exists(table)) return;
    fmt::print("{}\n\nreport: {}\n", read_file(table),
               std::filesystem::absolute(root / "report" / "index.html").lexically_normal().string());
}

void command_config(const ConfigSource& source) {
    RecipeConfig config = read_recipe(source);
    fmt::print("{}", config_to_toml([&](ConfigVisitor& v) { config.visit(v); }));
}

void command_stages() {
    for (const Task& task : tasks()) {
        fmt::print("{}task = \"{}\"\n", task.name == tasks().front().name ? "" : "\n", task.name);
        for (const Stage& stage : task.stages) fmt::print("  {:<12} {}\n", stage.name, stage.doc);
    }
}

void command_losses() { fmt::print("{}", losses_text()); }

void command_losses_eval(const std::filesystem::path& file) {
    for_each_json_line(file, [](const nlohmann::json& line, std::size_t) {
        fmt::print("{}\n", evaluate_loss_line(line).dump());
    });
}

void command_metrics() {
    for (const Metric& metric : metrics())
        fmt::print("{:<16} {:<5} {:<8} {}\n", metric.id, metric.unit, better_name(metric.better), metric.doc);
    for (const TextMetric& metric : text_metrics())
        fmt::print("{:<16} {:<5} {:<8} {}\n", metric.id, metric.unit, better_name(metric.better), metric.doc);
}

void command_pool(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out) {
    LINVOX_REQUIRE(!std::filesystem::exists(out) || std::filesystem::exists(out / "report.json"), UserError,
                   "{} exists and is no report; name a new folder with --out", out.string());
    std::vector<PooledRun> pooled;
    for (const std::filesystem::path& run : runs)
        pooled.push_back(
            {run.lexically_normal().string(), report_from_json(read_json(run / "report" / "report.json"))});
    const Report report = pool_reports(pooled);
    write_report(out, report);
    fmt::print("{}\n{}\nreport: {}\n", terminal_table(report), terminal_tables(report.input.panels.back()),
               std::filesystem::absolute(out / "index.html").lexically_normal().string());
}

}  // namespace linvox

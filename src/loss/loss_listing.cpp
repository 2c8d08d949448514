#include "src/loss/loss_listing.h"

#include <fmt/format.h>

#include "src/base/text.h"
#include "src/loss/loss_table.h"

namespace linvox {
namespace {

std::string defaults_text(const LossRow& row) {
    std::vector<std::string> parts;
    for (const auto& [option, value] : row.options)
        parts.push_back(fmt::format("{} {:g}", loss_option(option).key, value));
    return join(parts, ", ");
}

std::string needs_text(const LossNeeds& needs) {
    std::vector<std::string> parts;
    if (needs.reference) parts.emplace_back("reference");
    if (needs.lengths) parts.emplace_back("lengths");
    if (needs.task_scores) parts.emplace_back("task scores");
    if (needs.whole_batch) parts.emplace_back("whole batch");
    if (needs.running_state) parts.emplace_back("running state");
    if (needs.token_values) parts.emplace_back("token values");
    if (needs.reference_logits) parts.emplace_back("reference logits");
    return parts.empty() ? "policy only" : join(parts, ", ");
}

std::string_view normalise_text(Normalise normalise) { return normalise == Normalise::sum ? "sum" : "mean"; }

std::string preset_text(const LossPreset& preset) {
    std::vector<std::string> parts;
    for (const LossPreset::Term& term : preset.terms) {
        std::string text =
            term.weight == 1.0 ? std::string(term.row) : fmt::format("{:g} {}", term.weight, term.row);
        if (term.normalise) text += fmt::format(" on {}s", normalise_text(*term.normalise));
        std::vector<std::string> options;
        for (const auto& [option, value] : term.options)
            options.push_back(fmt::format("{} {:g}", loss_option(option).key, value));
        if (!options.empty()) text += " (" + join(options, ", ") + ")";
        parts.push_back(std::move(text));
    }
    std::string text = join(parts, " + ");
    for (const LossOption option : preset.required)
        text += fmt::format("; {} must be set", loss_option(option).key);
    return text;
}

// A bar would end the table cell.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

std::string code_cell(std::string_view text) { return "`" + cell(text) + "`"; }

constexpr std::string_view kIntroduction = R"(# Losses

Generated from the table in `src/loss/loss_table.cpp`; do not edit. `linvox losses` prints the short form, and
`linvox losses eval FILE.jsonl` computes value, rewards and gradients of any loss at given log-probabilities.

## Notation

All log-probabilities are natural logarithms, in nats. A pair is a prompt, a chosen answer `w` and a rejected answer `l`.

| symbol | meaning |
|---|---|
| `zw`, `zl` | log-probability of the chosen and the rejected answer under the policy |
| `rw`, `rl` | the same under the reference |
| `x1 = zw - rw`, `x2 = zl - rl` | log-ratios |
| `D = x1 - x2` | margin |
| `m = 1/(2 beta)` | target margin |
| `ls`, `relu`, `sg` | log of the logistic function, max(0, .), stop-gradient |

A log-probability is a **sum** over the scored tokens of an answer or their **mean**. `normalise = "sum" | "mean"` chooses,
in one place, for policy, reference and positive term alike; each loss has a default. A beta that suits means is too
large for sums: 1/(2 beta) is nats per token there and nats per answer here.

The loss of a step is the sum of weight times loss over all its pairs, divided by the sum of the weights, over all
micro-batches and ranks. `sft` also weighs a pair by the tokens of its chosen answer.

At `x1 = x2 = 0` policy and reference are equal. Every training run starts there unless the user says otherwise, and
the value in the table must come out.

)";

constexpr std::string_view kLpoNotes = R"(## The LPO family

`lpo`, `lpo-r`, `lpo-ste` and `lpo-ste-dynamic` pull the margin to `m` with constant force, from either side: past the
target the chosen answer is pushed down again. `margin/past_target` shows the share of such pairs.

- `r1` and `r2` in `lpo-ste` change the gradient only: `-4 beta r1/(r1 + r2)` by x1 and `+4 beta r2/(r1 + r2)` by x2 below
  the target. With `r1 = r2 = 1` that is half the gradient of `lpo`.
- In `lpo-r` they scale the coordinates, so the value and the target depend on them.
- The positive term `gamma relu(-x1)` adds a constant upward force on the chosen answer while it is less likely than under
  the reference. Every loss with a reference takes `gamma`; only this family has it on by default.
- All four are exactly 2 at the reference; so is `ipo` with `unit_scale = true`, and gamma means the same for both.

)";

constexpr std::string_view kModifiers = R"(## Modifiers

| key | what it does |
|---|---|
| `f_divergence` | replaces x by `1 - e^-x` (forward_kl), `ln 2 + ls(x)` (js) or `(e^((a - 1) x) - 1)/(a - 1)` with `a = f_alpha` (alpha); arXiv 2309.16240. After normalisation. Losses marked f take it |
| `label_smoothing` | only where the table lists it; an error elsewhere |
| `mix` | further losses, each with weight and its own normalisation; each is logged |
| `ld_alpha` | LD-DPO (arXiv 2409.06411): tokens past the shorter answer's length weigh `ld_alpha`, for policy and reference alike; a mean divides by the weights. The paper's value is 0.5 |
| `wpo` | WPO (arXiv 2406.11827): a pair weighs exp(mean over tokens of log p - log sum_v p_v^2), the product of both answers, at most 1 with `wpo_clamp` |
| `ratio_target` | ratio control (arXiv 2604.18239): scales the gradient of zw by a and of zl by 1/a, a = sqrt(ratio_target / running push ratio); the value stays |

)";

void append_losses(std::string& out) {
    out += "## The table\n\nf marks losses that take an f-divergence.\n\n";
    out +=
        "| loss | per pair | defaults | normalise | needs | at x1 = x2 = 0 | paper "
        "|\n|---|---|---|---|---|---|---|\n";
    for (const LossRow& row : losses())
        out +=
            fmt::format("| `{}`{} | {} | {} | {} | {} | {} | {} |\n", row.name, row.f_divergence ? " f" : "",
                        code_cell(row.formula), defaults_text(row), normalise_text(row.default_normalise),
                        needs_text(row.needs), cell(row.step0_text), row.paper);
    out += "\n## When to use which\n\n| loss | use |\n|---|---|\n";
    for (const LossRow& row : losses()) out += fmt::format("| `{}` | {} |\n", row.name, row.use);
    out += "\n";
}

void append_presets(std::string& out) {
    out +=
        "## Presets\n\nA preset is a kind of its own; options set beside it win.\n\n| kind | stands for | "
        "origin |\n|---|---|---|\n";
    for (const LossPreset& preset : loss_presets())
        out += fmt::format("| `{}` | {} | {} |\n", preset.name, preset_text(preset), preset.origin);
    out += "\n";
}

void append_options(std::string& out) {
    out +=
        "## Options\n\nAn option that a loss does not take is an error.\n\n| key | range | meaning "
        "|\n|---|---|---|\n";
    for (const LossOptionInfo& info : loss_options())
        out += fmt::format("| `{}` | {:g} to {:g} | {} |\n", info.key, info.range.low, info.range.high,
                           info.help);
}

}  // namespace

std::string losses_text() {
    std::string out = "loss              normalise  needs                                per pair\n";
    for (const LossRow& row : losses())
        out += fmt::format("{:<17} {:<10} {:<36} {}\n", row.name, normalise_text(row.default_normalise),
                           needs_text(row.needs), row.formula);
    out += "\npreset            stands for\n";
    for (const LossPreset& preset : loss_presets())
        out += fmt::format("{:<17} {}\n", preset.name, preset_text(preset));
    out +=
        "\nx1, x2: log-ratios of chosen and rejected; D = x1 - x2; m = 1/(2 beta); ls: log-sigmoid; "
        "docs/losses.md has the rest\n";
    return out;
}

std::string losses_markdown() {
    std::string out(kIntroduction);
    append_losses(out);
    out += kLpoNotes;
    append_presets(out);
    out += kModifiers;
    append_options(out);
    return out;
}

}  // namespace linvox

#include "src/train/alarms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include "src/base/error.h"
#include "src/base/log.h"

namespace linvox {
namespace {

const char* sign_of(AlarmWhen when) { return when == AlarmWhen::above ? ">" : "<"; }

std::string condition_of(const AlarmRule& rule) {
    if (rule.when != AlarmWhen::fallen_to_share)
        return fmt::format("{} {} {}", rule.scalar, sign_of(rule.when), rule.limit);
    return fmt::format("{} < {} of its highest mean", rule.scalar, rule.limit);
}

TrainEvent alarm_event(const AlarmRule& rule, bool raised, std::int64_t step, double value) {
    std::string message =
        raised ? fmt::format("step {}: {}: {} for {} report(s), now {:.4g}: {}; {}", step, rule.name,
                             condition_of(rule), rule.patience, value, rule.meaning, rule.advice)
               : fmt::format("step {}: {}: over, {} is {:.4g}", step, rule.name, rule.scalar, value);
    return {step, "alarm", rule.name, raised ? "raised" : "cleared", std::move(message)};
}

}  // namespace

std::vector<AlarmRule> alarm_rules() {
    using enum AlarmWhen;
    return {
        {"displacement", "logratio/chosen_sum", below, 0.0, 50,
         "chosen answers are less probable than under the reference",
         "raise gamma or r1, lower r2 or the learning rate, or train less"},
        {"displacement_both", "displacement/both", above, 0.5, 50,
         "in most pairs both answers are less probable than under the reference",
         "see whether probability goes to neither; raise gamma or r1"},
        {"margin_collapse", "margin/per_token", fallen_to_share, 0.5, 50,
         "the margin between chosen and rejected has shrunk, or never grew",
         "lower the learning rate and look at the pairs"},
        {"past_target", "margin/past_target", above, 0.5, 50,
         "most pairs are past the target margin, where the loss pushes them back",
         "lower beta (the target is 1/(2 beta)), or train less"},
        {"eval_not_finite", "eval_loss", above, 1e30, 1, "the held-out loss is not a usable number",
         "lower the learning rate; look at the held-out records"},
        {"unfinished", "probe/finished", below, 0.8, 2, "sampled answers do not end by themselves",
         "the end of an answer is not learnt yet, or being unlearnt: check that it is scored"},
        {"boundary", "probe/capped_units", above, 1.0, 2,
         "text units of sampled answers do not end by themselves",
         "boundaries are not learnt yet, or being unlearnt: check that they are scored"},
        {"repetition", "probe/longest_run", above, 15.0, 2, "sampled answers repeat one code for long",
         "listen to them; train less, or drop rejected answers that only differ in length"},
    };
}

void AlarmRule::visit(ConfigVisitor& v) {
    const std::string help =
        fmt::format("holds while {} {} this{}", scalar, sign_of(when),
                    when == AlarmWhen::fallen_to_share ? " share of its highest mean" : "");
    v.field("limit", limit, help);
    v.field("patience", patience, "reports in a row before the alarm is raised or cleared; 0: off",
            Range{0, 1e9});
}

void AlarmConfig::visit(ConfigVisitor& v) {
    v.field("stop", stop, "an alarm ends the run; false: it only warns");
    for (AlarmRule& rule : rules) v.section(rule.name, rule, rule.meaning);
}

AlarmWatch::AlarmWatch(const AlarmConfig& config) {
    for (const AlarmRule& rule : config.rules)
        if (rule.patience > 0) states_.push_back({rule});
}

bool AlarmWatch::holds(State& state, double value) {
    const AlarmRule& rule = state.rule;
    if (!std::isfinite(value)) return true;
    if (rule.when != AlarmWhen::fallen_to_share)
        return rule.when == AlarmWhen::above ? value > rule.limit : value < rule.limit;
    const auto length = static_cast<std::size_t>(rule.patience);
    if (state.window.size() == length) state.window.erase(state.window.begin());
    state.window.push_back(value);
    if (state.window.size() < length) return false;
    const double mean =
        std::accumulate(state.window.begin(), state.window.end(), 0.0) / static_cast<double>(length);
    state.best = std::max(state.best, mean);
    return mean < rule.limit * state.best;
}

std::vector<TrainEvent> AlarmWatch::see(const StepReport& report) {
    std::vector<TrainEvent> events;
    for (State& state : states_) {
        const auto value = report.values.find(state.rule.scalar);
        if (value == report.values.end()) continue;
        state.streak = holds(state, value->second) == state.raised ? 0 : state.streak + 1;
        // A window is patience enough.
        const bool at_once = state.rule.when == AlarmWhen::fallen_to_share && !state.raised;
        if (state.streak < (at_once ? 1 : state.rule.patience)) continue;
        state.raised = !state.raised;
        state.streak = 0;
        events.push_back(alarm_event(state.rule, state.raised, report.step, value->second));
    }
    return events;
}

Observer alarm_observer(const AlarmConfig& config, std::vector<Observer> listeners,
                        const std::vector<StepReport>& earlier) {
    const auto watch = std::make_shared<AlarmWatch>(config);
    for (const StepReport& report : earlier) watch->see(report);
    const auto look = [watch, stop = config.stop,
                       listeners = std::move(listeners)](const StepReport& report) {
        std::string reasons;
        for (const TrainEvent& event : watch->see(report)) {
            log_warning(fmt::format("alarm {}: {}", event.state, event.message));
            for (const Observer& listener : listeners)
                if (listener.on_event) listener.on_event(event);
            if (event.state == "raised") reasons += (reasons.empty() ? "" : "; also ") + event.message;
        }
        LINVOX_REQUIRE(!stop || reasons.empty(), UserError,
                       "alarms.stop = true ends the run: {}; set it to false to train on", reasons);
    };
    return {.on_step = look, .on_evaluation = look};
}

}  // namespace linvox

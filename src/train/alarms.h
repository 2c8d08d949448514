// Alarms: rules over the logged scalars that say when a run goes wrong in a known way. They warn; a person
// decides. The limits are starting values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/config/visitor.h"
#include "src/train/observer.h"

namespace linvox {

enum class AlarmWhen {
    below,           // value < limit
    above,           // value > limit
    fallen_to_share  // the mean of the last `patience` values < limit times the highest such mean so far,
                     // which counts as at least 0
};

/// One row of the table. A condition must hold for `patience` reports that carry the scalar, one after
/// another, before the alarm is raised, and fail for as many before it is cleared.
struct AlarmRule {
    std::string name;
    std::string scalar;  // as in train.jsonl
    AlarmWhen when = AlarmWhen::below;
    double limit = 0.0;
    std::int64_t patience = 1;  // 0: off
    std::string meaning;        // what holds when it is raised; also the help text
    std::string advice;
    void visit(ConfigVisitor& v);
};

/// The visible table of rules with their defaults. A value that is not finite meets every condition; a loss
/// or a gradient that is not finite never comes here, because the trainer stops first and names the records.
std::vector<AlarmRule> alarm_rules();

struct AlarmConfig {
    bool stop = false;
    std::vector<AlarmRule> rules = alarm_rules();
    void visit(ConfigVisitor& v);
};

/// The state of every rule over a run; a pure function of the reports it has seen.
class AlarmWatch {
public:
    explicit AlarmWatch(const AlarmConfig& config);
    /// What this report raises ("raised") and clears ("cleared"), in the order of the rules.
    std::vector<TrainEvent> see(const StepReport& report);

private:
    struct State {
        AlarmRule rule;
        bool raised = false;
        std::int64_t streak = 0;     // reports in a row that speak against `raised`
        std::vector<double> window;  // the last `patience` values, of fallen_to_share
        double best = 0.0;           // highest mean of a full window
    };
    static bool holds(State& state, double value);
    std::vector<State> states_;
};

/// Watches steps and evaluations. An alarm writes one warning, tells `listeners` (on_event), and, when
/// config.stop is set, ends the run with a UserError. `earlier` are the reports before a resume: they bring
/// the rules to where they stood, in silence.
Observer alarm_observer(const AlarmConfig& config, std::vector<Observer> listeners,
                        const std::vector<StepReport>& earlier = {});

}  // namespace linvox

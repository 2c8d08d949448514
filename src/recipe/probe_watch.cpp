#include "src/recipe/probe_watch.h"

#include <memory>
#include <utility>

#include "src/recipe/probe.h"
#include "src/train/alarms.h"
#include "src/train/tensorboard.h"

namespace linvox {

std::vector<Observer> watch_training(const StageContext& context, const std::filesystem::path& folder,
                                     const Decoder& decoder, std::int64_t resume_step, bool probe_first) {
    const RecipeConfig& config = context.config;
    const auto log = folder / "train.jsonl";
    std::vector<Observer> observers = {jsonl_observer(log, resume_step)};
    if (config.log.tensorboard) observers.push_back(tensorboard_observer(folder, resume_step));
    // Last of the listeners: an alarm that stops the run leaves the scalars that raised it in the logs.
    observers.push_back(alarm_observer(config.alarms, observers, read_reports(log)));
    const std::shared_ptr<const GenerationProbe> probe = make_probe(context);
    if (!probe) return observers;
    const auto measure = [probe, &decoder] { return probe->measure(decoder); };
    if (probe_first && resume_step == 0)
        for (const std::map<std::string, double> values = measure(); const Observer& observer : observers)
            observer.on_evaluation({.step = 0, .values = values});
    observers.push_back(periodic_observer(config.probe.every, measure, observers));
    return observers;
}

}  // namespace linvox

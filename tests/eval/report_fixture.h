// A small evaluation for the report tests: two models and a ceiling, four prompts with two samples each.
#pragma once

#include <fmt/format.h>

#include <string>

#include "eval/report.h"

namespace linvox {

inline ReportInput small_input() {
    ReportInput in;
    in.run.title = "Title <b>";
    in.run.facts = {{"layout", "aligned"}};
    in.metrics = {
        {"wer.linvox", "word error rate", "%", "all errors / all words", Better::down, true, false},
        {"duration.ratio", "duration ratio", "", "seconds / seconds", Better::near_one, true, false},
        {"tok.finish", "finished", "", "ended by itself", Better::up, true, true},
        {"loudness", "loudness", "LUFS", "level", Better::none, false, false}};
    in.systems = {
        {"recording", "Recording", true, {}}, {"sft", "SFT", false, {1, 2}}, {"lpo", "LPO", false, {1, 2}}};
    in.comparisons = {{"sft", "lpo"}};
    for (int prompt = 0; prompt < 6; ++prompt)
        for (int sample = 0; sample < 2; ++sample) {
            const std::string id = fmt::format("p{}#{}", prompt, sample);
            in.items.push_back({id, fmt::format("p{}", prompt), "one <two>, three & four"});
            for (const ReportSystem& system : in.systems) {
                ReportAnswer answer;
                answer.system = system.id;
                answer.item = id;
                const double errors = system.ceiling ? 0 : system.id == "sft" ? 2 + prompt % 2 : sample;
                answer.values["wer.linvox"] = metric_value(100 * errors, 4 + prompt);
                answer.values["loudness"] = metric_value(-20 - prompt, 1);
                if (!system.ceiling) {
                    answer.values["duration.ratio"] =
                        metric_value(system.id == "sft" ? (prompt % 2 ? 1.5 : 0.5) : 1.1, 1);
                    answer.values["tok.finish"] = metric_value(system.id == "lpo" || prompt > 0, 1);
                    answer.transcript = "one too three";
                    answer.finish = "stop";
                }
                in.answers.push_back(std::move(answer));
            }
        }
    return in;
}

inline const ComparisonResult& comparison_of(const Report& report, const std::string& metric) {
    for (const ComparisonResult& c : report.comparisons)
        if (c.metric == metric) return c;
    throw std::runtime_error("no comparison on " + metric);
}

}  // namespace linvox

// A small alignment run for tests: pairs, their reference, and what the run reports.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/model/torch_compat.h"
#include "src/train/align.h"
#include "tests/src/train/toy_model.h"

namespace linvox {

struct AlignFixture : testing::Test {
    using Values = std::map<std::string, double>;
    std::vector<Values> steps, evaluations;
    AlignData data;

    void SetUp() override {
        configure_threads(1);
        data.train = toy::pairs(20);
        data.held_out = toy::pairs(7, 2);
        for (PreferenceRecord& record : data.held_out) record.info.id = "held_out_" + record.info.id;
        data.softmax = {toy::kCodes, toy::kVocabulary, {}};
        score_reference();
    }
    void score_reference(ReferenceDetail detail = ReferenceDetail::sums, std::int64_t token_budget = 200) {
        std::vector<SequenceGroup> all = toy::groups(data.train);
        for (const SequenceGroup& group : toy::groups(data.held_out)) all.push_back(group);
        const ScoreConfig score = align_score_config({}, data.softmax);
        data.reference = linvox::score_reference(toy::decoder(), all, score, token_budget, detail);
    }
    TrainRun run(const std::filesystem::path& checkpoints = {}, bool resume = false,
                 std::int64_t stop_after = -1) {
        return {checkpoints, resume, [this, stop_after](std::int64_t) {
                    Observer observer;
                    observer.on_step = [this, stop_after](const StepReport& report) {
                        steps.push_back(report.values);
                        if (report.step == stop_after) throw Interrupted{};
                    };
                    observer.on_evaluation = [this](const StepReport& report) {
                        evaluations.push_back(report.values);
                    };
                    return std::vector<Observer>{observer};
                }};
    }
    std::vector<double> losses() const {
        std::vector<double> all;
        for (const Values& values : steps) all.push_back(values.at("loss"));
        return all;
    }
};

inline AlignConfig align_config_of(const std::string& kind, std::int64_t epochs = 2) {
    AlignConfig config;
    config.loss.main.kind = kind;
    config.optimiser.learning_rate = 3e-3;
    config.schedule.warmup_steps = 2;
    config.epochs = epochs;
    config.batch_pairs = 5;
    config.evaluate_every = 4;
    config.checkpoint_every = 0;
    return config;
}

}  // namespace linvox

#include "src/train/trainer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/base/rng.h"

namespace linvox {
namespace {

namespace fs = std::filesystem;

fs::path fresh(const std::string& name) {
    const fs::path folder = fs::path(testing::TempDir()) / name;
    fs::remove_all(folder);
    return folder;
}

/// Fits w to eight noisy targets; an epoch has 8 / per_step steps of per_step micro-batches of `size`.
struct Toy {
    at::Tensor w = at::zeros({4}).set_requires_grad(true);
    std::int64_t micros = 1, size = 8;
    double running = 0.0;  // a state like a loss's running mean
    std::vector<double> losses, evaluations;
    double evaluation = 0.0;  // what evaluate() returns when it is not the real loss
    bool fake_evaluation = false;
    std::int64_t broken_example = -1;

    at::Tensor target(std::int64_t epoch, std::int64_t example) const {
        Rng rng(mix_seed(7, epoch, example));
        return at::tensor({rng.normal(), 1.0 + rng.normal(), rng.normal(), -2.0 + rng.normal()})
            .to(at::kFloat);
    }

    TrainTask task() {
        TrainTask task;
        task.parameters = {{"w", w, true}};
        const auto epoch = std::make_shared<std::int64_t>(0);
        task.begin_epoch = [this, epoch](std::int64_t e) {
            *epoch = e;
            return 8 / (micros * size);
        };
        task.micro_count = [this](std::int64_t) { return micros; };
        task.forward = [this, epoch](std::int64_t index, std::int64_t micro, std::int64_t) {
            MicroResult result;
            const std::int64_t first = (index * micros + micro) * size;
            for (std::int64_t e = first; e < first + size; ++e) {
                const double scale = e == broken_example ? std::numeric_limits<double>::infinity() : 1.0;
                const at::Tensor loss = (w - target(*epoch, e)).pow(2).sum() * (1.0 + running) * scale;
                result.loss_sum = result.loss_sum.defined() ? result.loss_sum + loss : loss;
            }
            result.weight = static_cast<double>(size);
            result.per_record = result.loss_sum.detach().reshape({1});
            return result;
        };
        task.record_ids = [this](std::int64_t index, std::int64_t micro) {
            return std::vector<std::string>{"record_" + std::to_string(index * micros + micro)};
        };
        task.after_step = [this] { running = 0.9 * running + 0.01; };
        task.extra_state = [this] { return TensorMap{{"running", at::full({}, running, at::kDouble)}}; };
        task.load_extra = [this](const TensorMap& state) { running = state.at("running").item<double>(); };
        task.evaluate = [this] {
            const double loss = fake_evaluation ? evaluation : w.detach().sum().item<double>();
            evaluations.push_back(loss);
            return Evaluation{loss, {{"extra", 1.0}}};
        };
        task.identity = {{"data", "toy"}};
        return task;
    }

    TrainRun run(const fs::path& checkpoints, bool resume = false, std::int64_t stop_after = -1) {
        return {checkpoints, resume, [this, stop_after](std::int64_t) {
                    Observer observer;
                    observer.on_step = [this, stop_after](const StepReport& report) {
                        losses.push_back(report.values.at("loss"));
                        if (report.step == stop_after) throw Interrupted{};  // a kill between steps
                    };
                    return std::vector<Observer>{observer};
                }};
    }
};

TrainerConfig config_of(std::int64_t steps) {
    return {.total_steps = steps, .optimiser = {.learning_rate = 0.1}, .schedule = {.warmup_steps = 2}};
}

TEST(Trainer, OneMicroBatchOfEightEqualsEightOfOne) {
    Toy one, eight;
    one.size = 8;
    eight.micros = 8;
    eight.size = 1;
    train(one.task(), config_of(6), one.run({}));
    train(eight.task(), config_of(6), eight.run({}));
    ASSERT_EQ(one.losses.size(), 6U);
    for (std::size_t i = 0; i < one.losses.size(); ++i)
        EXPECT_NEAR(one.losses[i], eight.losses[i], 1e-5) << i;
    EXPECT_LT((one.w - eight.w).abs().max().item<double>(), 1e-6);
    EXPECT_GT(one.w[1].item<double>(), 0.1);  // the targets' means are 0, 1, 0, -2
    EXPECT_LT(one.w[3].item<double>(), -0.1);
}

/// A micro-batch of more than `limit` examples asks for more memory than there is, in its forward pass when
/// `early`, else behind a backward pass of its own.
TrainTask in_little_memory(Toy& toy, std::int64_t limit, bool early) {
    TrainTask task = toy.task();
    const auto forward = task.forward;
    task.forward = [&toy, forward, limit, early](std::int64_t index, std::int64_t micro, std::int64_t step) {
        if (early && toy.size > limit) at::empty({std::int64_t{1} << 46});
        MicroResult result = forward(index, micro, step);
        if (toy.size > limit) {
            result.loss_sum.backward({}, /*retain_graph=*/true);
            at::empty({std::int64_t{1} << 46});
        }
        return result;
    };
    task.split = [&toy] {
        if (toy.size == 1) return false;
        toy.size /= 2;
        toy.micros *= 2;
        return true;
    };
    return task;
}

TEST(Trainer, AStepThatRunsOutOfMemoryIsBegunAgainInSmallerParts) {
    Toy plenty;
    train(plenty.task(), config_of(6), plenty.run({}));
    for (const bool early : {true, false}) {
        Toy little;
        std::vector<std::string> lines;
        set_log_sink([&](const std::string& line) { lines.push_back(line); });
        train(in_little_memory(little, 2, early), config_of(6), little.run({}));
        set_log_sink({});
        EXPECT_THAT(lines,
                    testing::Contains("train: step 1: out of memory; going on with 4 micro-batches a step"));
        EXPECT_EQ(little.micros, 4);
        EXPECT_LT((plenty.w - little.w).abs().max().item<double>(), 1e-6);
        for (std::size_t i = 0; i < plenty.losses.size(); ++i)
            EXPECT_NEAR(plenty.losses[i], little.losses[i], 1e-5) << i;
    }
}

TEST(Trainer, MemoryForNotEvenOneRecordIsAnErrorWithTheWayOut) {
    Toy toy;
    EXPECT_THAT([&] { train(in_little_memory(toy, 0, true), config_of(6), toy.run({})); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr("activation_checkpointing = true")));
    EXPECT_EQ(toy.micros, 8);
}

TEST(Trainer, ResumedRunHasTheLossesOfTheUninterruptedOne) {
    TrainerConfig config = config_of(9);
    config.checkpoint_every = 5;
    config.ema_decay = 0.5;
    Toy whole;
    whole.size = 2;
    const TrainTask whole_task = whole.task();
    train(whole_task, config, whole.run(fresh("trainer_whole")));

    const fs::path folder = fresh("trainer_resume");
    Toy killed;
    killed.size = 2;
    EXPECT_THROW(train(killed.task(), config, killed.run(folder, false, 7)), Interrupted);
    Toy resumed;
    resumed.size = 2;
    train(resumed.task(), config, resumed.run(folder, true));
    ASSERT_EQ(resumed.losses.size(), 4U);  // steps 6 to 9: the checkpoint holds step 5
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(resumed.losses[i], whole.losses[5 + i]) << "step " << 6 + i;
    EXPECT_TRUE(at::equal(resumed.w, whole.w));  // the mean of weights went on too
}

TEST(Trainer, RefusesACheckpointOfAnotherRun) {
    const fs::path folder = fresh("trainer_other");
    TrainerConfig config = config_of(4);
    config.checkpoint_every = 2;
    Toy first;
    train(first.task(), config, first.run(folder));
    Toy second;
    TrainTask task = second.task();
    task.identity["data"] = "other";
    try {
        train(task, config, second.run(folder, true));
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("data differs: 'toy' in the file, 'other' in this run"));
    }
}

TEST(Trainer, ANonFiniteLossNamesTheRecordsAndSparesTheWeights) {
    Toy toy;
    toy.micros = 4;
    toy.size = 1;
    toy.broken_example = 6;  // the third micro-batch of the second step
    try {
        train(toy.task(), config_of(4), toy.run({}));
        FAIL();
    } catch (const UserError& error) {
        const std::string what = error.what();
        EXPECT_THAT(what, testing::HasSubstr("step 2"));
        EXPECT_THAT(what, testing::HasSubstr("record_6"));
        EXPECT_THAT(what, testing::Not(testing::HasSubstr("record_5")));
    }
    EXPECT_TRUE(std::isfinite(toy.w.sum().item<double>()));
}

TEST(Trainer, StopsEarlyAndEndsWithTheBestWeights) {
    Toy toy;
    toy.fake_evaluation = true;
    TrainTask task = toy.task();
    at::Tensor best;
    const auto evaluate = task.evaluate;
    task.evaluate = [&] {
        const std::size_t done = toy.evaluations.size();
        toy.evaluation = done == 2 ? 1.0 : 5.0 + static_cast<double>(done);  // the third one is the best
        if (done == 2) best = toy.w.detach().clone();
        return evaluate();
    };
    TrainerConfig config = config_of(100);
    config.evaluate_every = 3;
    config.patience = 2;
    const TrainResult result = train(task, config, toy.run({}));
    EXPECT_TRUE(result.stopped_early);
    EXPECT_EQ(result.steps, 15);  // evaluations at 3, 6, 9 (best), 12, 15
    EXPECT_EQ(result.best_step, 9);
    EXPECT_EQ(result.best_loss, 1.0);
    EXPECT_TRUE(at::equal(toy.w, best));
}

TEST(Trainer, KeepBestOffEndsWithTheLastWeights) {
    Toy toy;
    toy.fake_evaluation = true;
    TrainerConfig config = config_of(6);
    config.evaluate_every = 2;
    config.keep_best = false;
    at::Tensor last;
    TrainTask task = toy.task();
    const auto evaluate = task.evaluate;
    task.evaluate = [&] {
        toy.evaluation = static_cast<double>(toy.evaluations.size());
        last = toy.w.detach().clone();
        return evaluate();
    };
    const TrainResult result = train(task, config, toy.run({}));
    EXPECT_EQ(result.best_step, 2);
    EXPECT_TRUE(at::equal(toy.w, last));
}

TEST(Trainer, AMeanOfWeightsLagsBehindTheWeights) {
    Toy plain, mean;
    train(plain.task(), config_of(8), plain.run({}));
    TrainerConfig config = config_of(8);
    config.ema_decay = 0.9;
    train(mean.task(), config, mean.run({}));
    EXPECT_EQ(plain.losses, mean.losses);  // it only watches
    EXPECT_LT(mean.w.norm().item<double>(), plain.w.norm().item<double>());
    EXPECT_GT(mean.w.norm().item<double>(), 0.0);
}

TEST(Trainer, AStopRequestSavesAndGoesOnLater) {
    // stop_requested() cannot be taken back, so this runs in a process of its own; no fork, which could not
    // go on with its parent's GPU.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            const fs::path folder = fresh("trainer_stop");
            Toy toy;
            TrainTask task = toy.task();
            const auto after_step = task.after_step;
            std::int64_t steps = 0;
            task.after_step = [&] {
                after_step();
                if (++steps == 3) request_stop();
            };
            bool interrupted = false;
            try {
                train(task, config_of(9), toy.run(folder));
            } catch (const Interrupted&) {
                interrupted = true;
            }
            std::exit(interrupted && newest_checkpoint(folder).filename() == "step-000003" ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace linvox

#include "src/loss/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "src/base/error.h"

namespace linvox {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json evaluate(const std::string& text) { return evaluate_loss_line(json::parse(text)); }

std::string refusal(const std::string& text) {
    try {
        evaluate(text);
    } catch (const DataError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(EvaluateLossLine, GivesValueRewardsAndGradients) {
    const json got =
        evaluate(R"({"id": "a", "loss": "sigmoid", "options": {"beta": 0.2}, "policy_chosen": -9.3,
        "policy_rejected": -12.9, "reference_chosen": -10, "reference_rejected": -12})");
    EXPECT_EQ(got["id"], "a");
    EXPECT_NEAR(got["value"].get<double>(), 0.545893, 1e-6);  // x1 = .7, x2 = -.9
    EXPECT_NEAR(got["gradients"]["policy_chosen"].get<double>(), -0.084135, 1e-6);
    EXPECT_NEAR(got["gradients"]["policy_rejected"].get<double>(), 0.084135, 1e-6);
    EXPECT_NEAR(got["gradients"]["reference_chosen"].get<double>(), 0.084135, 1e-6);
    EXPECT_NEAR(got["gradients"]["reference_rejected"].get<double>(), -0.084135, 1e-6);
    EXPECT_NEAR(got["rewards"]["margin"].get<double>(), 0.32, 1e-12);
    EXPECT_EQ(got["losses"][0]["normalise"], "sum");
    EXPECT_EQ(got["losses"][0]["options"]["beta"], 0.2);
}

TEST(EvaluateLossLine, DividesByTokensOnMeans) {
    const json got = evaluate(R"({"loss": "lpo-published", "policy_chosen": [-8], "policy_rejected": [-24.5],
        "reference_chosen": [-15], "reference_rejected": [-20], "chosen_tokens": [10], "rejected_tokens": [5]})");
    EXPECT_NEAR(got["value"][0].get<double>(), 0.72, 1e-12);
    EXPECT_NEAR(got["gradients"]["policy_chosen"][0].get<double>(), -0.666667 / 10, 1e-7);
    EXPECT_NEAR(got["push"]["chosen"][0].get<double>(), 0.666667, 1e-6);
    EXPECT_NEAR(got["push"]["rejected"][0].get<double>(), 0.133333, 1e-6);
}

TEST(EvaluateLossLine, TakesMixesAndBatches) {
    const json got = evaluate(R"({"loss": [{"loss": "sigmoid", "weight": 0.8, "options": {"beta": 0.2}},
        {"loss": "bco_pair", "weight": 0.2, "options": {"beta": 0.2}}], "policy_chosen": [0, 0.7],
        "policy_rejected": [0, -0.9], "reference_chosen": [0, 0], "reference_rejected": [0, 0]})");
    EXPECT_NEAR(got["value"][0].get<double>(), 1.2 * std::log(2.0), 1e-12);
    EXPECT_NEAR(got["value"][1].get<double>(), 0.683272, 1e-6);
    EXPECT_EQ(got["parts"].size(), 2u);
}

TEST(EvaluateLossLine, TakesTokenValues) {
    const json ld = evaluate(R"({"loss": "sigmoid", "options": {"beta": 1}, "ld_alpha": 0.5, "token_values": {
        "policy_chosen": [-1, -1, -1], "policy_rejected": [-2, -1], "reference_chosen": [-1, -1, -2],
        "reference_rejected": [-1, -1]}})");
    EXPECT_NEAR(ld["value"].get<double>(), std::log1p(std::exp(-1.5)), 1e-12);  // x1 = .5 * 1, x2 = -1
    const json tis = evaluate(R"({"loss": "tis_dpo", "options": {"beta": 1}, "token_values": {
        "policy_chosen": [-1, -1], "policy_rejected": [-2], "reference_chosen": [-2, -1], "reference_rejected": [-1],
        "chosen_weights": [1.3, 0.7], "rejected_weights": [0.7]}})");
    EXPECT_NEAR(tis["value"].get<double>(), std::log1p(std::exp(-(1.3 + 0.7))), 1e-12);
}

TEST(EvaluateLossLine, ReadsState) {
    const json got =
        evaluate(R"({"loss": "bco_pair", "options": {"beta": 1}, "policy_chosen": 0, "policy_rejected": 0,
        "reference_chosen": 0, "reference_rejected": 0, "state": {"reward_shift": 0.5}})");
    EXPECT_NEAR(got["value"].get<double>(), std::log1p(std::exp(0.5)) + std::log1p(std::exp(-0.5)), 1e-12);
}

TEST(EvaluateLossLine, RefusesByName) {
    const std::string sums =
        R"("policy_chosen": -1, "policy_rejected": -2, "reference_chosen": -1, "reference_rejected": -2)";
    EXPECT_THAT(refusal("{" + sums + "}"), HasSubstr("\"loss\" is missing"));
    EXPECT_THAT(refusal(R"({"loss": "sigmod", )" + sums + "}"),
                HasSubstr("'sigmod' is not a loss; did you mean 'sigmoid'?"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "options": {"bta": 1}, )" + sums + "}"),
                HasSubstr("unknown field \"bta\" in \"options\"; did you mean \"beta\"?"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "options": {"r1": 1}, )" + sums + "}"),
                HasSubstr("r1 belongs to"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "options": {"beta": "x"}, )" + sums + "}"),
                HasSubstr("option \"beta\" must be a number"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "polcy_chosen": 1, )" + sums + "}"),
                HasSubstr("did you mean \"policy_chosen\"?"));
    EXPECT_THAT(refusal(R"({"loss": "ipo", )" + sums + "}"),
                HasSubstr("\"chosen_tokens\" and \"rejected_tokens\" must be given"));
    EXPECT_THAT(refusal(R"({"loss": "odpo", )" + sums + "}"), HasSubstr("odpo needs chosen_score"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "policy_chosen": [-1, -2], "policy_rejected": -2})"),
                HasSubstr("\"policy_rejected\" has 1 value(s), \"policy_chosen\" has 2"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "policy_chosen": -1, "policy_rejected": -2})"),
                HasSubstr("sigmoid needs reference_chosen"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "ld_alpha": 0.5, )" + sums + "}"),
                HasSubstr("give \"token_values\""));
    EXPECT_THAT(
        refusal(
            R"({"loss": "orpo", "policy_chosen": 0, "policy_rejected": -2, "chosen_tokens": 1, "rejected_tokens": 1})"),
        HasSubstr("not finite"));
    EXPECT_THAT(refusal("[1]"), HasSubstr("the line must be an object"));
    EXPECT_THAT(refusal(R"({"loss": "sigmoid", "chosen_tokens": 0, "rejected_tokens": 1, )" + sums + "}"),
                HasSubstr("must have a scored token"));
}

}  // namespace
}  // namespace linvox

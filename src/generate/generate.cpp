#include "src/generate/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/base/error.h"
#include "src/base/log.h"
#include "src/generate/incremental_decoder.h"
#include "src/generate/sampling_range.h"
#include "src/model/parallel_ranges.h"
#include "src/model/row_kernels.h"

namespace linvox {
namespace {

constexpr std::int64_t kStepTokens = 2048;  // new tokens a step takes on by admitting prompts

/// One sequence in flight.
struct Row {
    std::size_t index = 0;  // of the request
    const GenerationPlan* plan = nullptr;
    std::vector<std::int32_t> ends;  // ids that end a unit or the answer
    std::int64_t slot = 0;
    std::int64_t fed = 0;               // tokens in the cache
    std::vector<std::int32_t> pending;  // tokens to feed next
    std::int64_t room = 0;              // tokens the answer may have
    std::size_t unit = 0;               // aligned layout: the unit being spoken
    std::int64_t codes = 0;             // codes of it so far
    Rng rng;
    GenerationResult result;

    bool aligned() const { return plan->boundary_id >= 0; }
    bool at_cap(const SamplingConfig& config) const {
        return aligned() && codes >= config.max_codes_per_unit;
    }
};

/// Records tokens that are fed, not predicted.
void append_given(Row& row, const std::vector<std::int32_t>& ids) {
    if (ids.empty()) return;
    auto& answer = row.result.answer;
    const auto begin = static_cast<std::int32_t>(answer.ids.size());
    answer.ids.insert(answer.ids.end(), ids.begin(), ids.end());
    answer.given.push_back({begin, static_cast<std::int32_t>(answer.ids.size())});
    row.pending.insert(row.pending.end(), ids.begin(), ids.end());
}

/// Takes the next token into the answer; true when the answer is over.
bool advance(Row& row, std::int32_t id) {
    auto& answer = row.result.answer;
    answer.ids.push_back(id);
    row.pending = {id};
    const auto length = [&] { return static_cast<std::int64_t>(answer.ids.size()); };
    if (!row.aligned()) {
        const bool stopped = std::find(row.ends.begin(), row.ends.end(), id) != row.ends.end();
        row.result.finish = stopped ? "stop" : "length";
        return stopped || length() >= row.room;
    }
    row.result.finish = "length";
    if (id != row.plan->boundary_id) {
        ++row.codes;
        return length() >= row.room;
    }
    row.codes = 0;
    if (++row.unit == row.plan->forced.size()) {
        row.result.finish = "stop";
        return true;
    }
    const std::vector<std::int32_t>& forced = row.plan->forced[row.unit];
    if (length() + static_cast<std::int64_t>(forced.size()) >= row.room) return true;  // no room for a code
    append_given(row, forced);
    return false;
}

class Generator {
public:
    Generator(const Decoder& decoder, std::span<const GenerationRequest> requests,
              const SamplingConfig& config)
        : requests_(requests),
          config_(config),
          range_(sampling_range(config, decoder.config.vocab_size)),
          context_(decoder.config.max_position_embeddings),
          order_(longest_first()),
          decoder_(decoder, slots(), checked_capacity(decoder.config),
                   config.bfloat16 ? Compute::bfloat16 : Compute::as_weights, range_.begin, range_.end,
                   range_.extra) {}

    void run(const std::function<void(std::size_t, GenerationResult&&)>& done) {
        while (admit() || !rows_.empty()) {
            if (stop_requested()) throw Interrupted{};
            const std::vector<std::int32_t> ids = next_ids(feed());
            std::vector<Row> staying;
            for (std::size_t r = 0; r < rows_.size(); ++r) {
                if (!advance(rows_[r], ids[r])) {
                    staying.push_back(std::move(rows_[r]));
                    continue;
                }
                decoder_.give_slot(rows_[r].slot);
                done(rows_[r].index, std::move(rows_[r].result));
            }
            rows_ = std::move(staying);
        }
    }

private:
    /// Many units take long: they start early, so that the last steps are not left with one long row.
    std::vector<std::size_t> longest_first() const {
        std::vector<std::size_t> order(requests_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return requests_[a].plan.forced.size() > requests_[b].plan.forced.size();
        });
        return order;
    }

    std::int64_t slots() const {
        return std::min<std::int64_t>(config_.batch_rows, static_cast<std::int64_t>(requests_.size()));
    }

    /// Positions the longest sequence can reach; checks every request on the way.
    std::int64_t checked_capacity(const ModelConfig& model) const {
        LINVOX_REQUIRE(config_.min_codes_per_unit <= config_.max_codes_per_unit, UserError,
                       "min_codes_per_unit is {}, it must not exceed max_codes_per_unit, which is {}",
                       config_.min_codes_per_unit, config_.max_codes_per_unit);
        std::size_t longest = 0;
        for (const GenerationRequest& request : requests_) {
            check_request(request, range_, model, config_.max_tokens);
            longest = std::max(longest, request.plan.prompt_ids.size());
        }
        return std::min(context_, static_cast<std::int64_t>(longest) + config_.max_tokens);
    }

    /// Lets waiting requests in while there are slots and the step stays small. True when one came in.
    bool admit() {
        std::int64_t tokens = 0;
        for (const Row& row : rows_) tokens += static_cast<std::int64_t>(row.pending.size());
        bool any = false;
        while (next_ < order_.size() && decoder_.free_slots() > 0 &&
               (rows_.empty() || tokens < kStepTokens)) {
            const GenerationRequest& request = requests_[order_[next_]];
            Row row{order_[next_],
                    &request.plan,
                    end_ids(request),
                    decoder_.take_slot(),
                    0,
                    request.plan.prompt_ids,
                    0,
                    0,
                    0,
                    Rng(request.seed),
                    {}};
            row.room = std::min(config_.max_tokens,
                                context_ - static_cast<std::int64_t>(request.plan.prompt_ids.size()));
            if (row.aligned()) append_given(row, request.plan.forced[0]);
            tokens += static_cast<std::int64_t>(row.pending.size());
            rows_.push_back(std::move(row));
            ++next_;
            any = true;
        }
        return any;
    }

    /// Runs everybody's pending tokens; gives the logits [rows, range] that follow them.
    at::Tensor feed() {
        std::vector<NewToken> tokens;
        std::vector<std::int64_t> last;
        for (Row& row : rows_) {
            for (const std::int32_t id : row.pending) tokens.push_back({id, row.slot, row.fed++});
            last.push_back(static_cast<std::int64_t>(tokens.size()) - 1);
        }
        return decoder_.run(tokens, last);
    }

    /// Indices into the logits that the row must not draw now.
    void bar(const Row& row, std::vector<std::int32_t>& barred) const {
        barred.clear();
        const auto is_end = [&](std::int64_t id) {
            return std::find(row.ends.begin(), row.ends.end(), id) != row.ends.end();
        };
        for (std::int64_t id = range_.begin; id < range_.control_end; ++id)
            if (!is_end(id)) barred.push_back(static_cast<std::int32_t>(id - range_.begin));
        const auto said = row.aligned() ? row.codes : static_cast<std::int64_t>(row.result.answer.ids.size());
        if (said < config_.min_codes_per_unit)
            for (const std::int32_t id : row.ends) barred.push_back(range_.column(id));
    }

    /// What penalty and repetition-aware sampling look at; empty where neither is on.
    void look_back(const Row& row, TokenHistory& history) const {
        history.penalised.clear();
        history.ras.clear();
        const std::vector<std::int32_t>&prompt = row.plan->prompt_ids, &answer = row.result.answer.ids;
        const auto last = [](const std::vector<std::int32_t>& ids, std::size_t count) {
            return std::span(ids).last(std::min(count, ids.size()));
        };
        if (config_.repetition_penalty != 1.0) {
            const std::size_t window = config_.repetition_window > 0
                                           ? static_cast<std::size_t>(config_.repetition_window)
                                           : prompt.size() + answer.size();
            const auto said = last(answer, window);
            for (const std::int32_t id : said) history.penalised.push_back(range_.column(id));
            for (const std::int32_t id : last(prompt, window - said.size()))
                history.penalised.push_back(range_.column(id));
        }
        if (config_.ras_window > 0)
            for (const std::int32_t id : last(answer, static_cast<std::size_t>(config_.ras_window)))
                history.ras.push_back(range_.column(id));
    }

    /// Chooses each row's next id and adds its log-probability to the row.
    std::vector<std::int32_t> next_ids(const at::Tensor& logits) {
        const std::int64_t width = logits.size(1), count = logits.size(0);
        std::vector<std::int64_t> chosen(rows_.size());
        std::vector<float> logprob(rows_.size()), log_sum_exp(rows_.size());
        float* values = logits.mutable_data_ptr<float>();
        const PickLogprob<float> pick{width, values, chosen.data(), logprob.data(), log_sum_exp.data()};
        parallel_ranges(count, 8, [&](std::int64_t begin, std::int64_t end) {
            SamplerScratch scratch;
            std::vector<std::int32_t> barred;
            TokenHistory history;
            for (std::int64_t r = begin; r < end; ++r) {
                Row& row = rows_[r];
                bar(row, barred);
                look_back(row, history);
                const std::span<const float> line(values + r * width, static_cast<std::size_t>(width));
                chosen[r] = row.at_cap(config_)
                                ? range_.column(row.plan->boundary_id)
                                : sample_token(line, barred, history, config_, row.rng, scratch);
            }
            pick_logprob_forward(pick, begin, end);
        });
        std::vector<std::int32_t> ids;
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            LINVOX_REQUIRE(std::isfinite(logprob[r]), UserError,
                           "request '{}': the model's logits are not finite; the weights are damaged",
                           requests_[rows_[r].index].id);
            rows_[r].result.capped_units += rows_[r].at_cap(config_);
            rows_[r].result.logprob_sum += logprob[r];
            ++rows_[r].result.scored_tokens;
            if (config_.token_logprobs) rows_[r].result.token_logprobs.push_back(logprob[r]);
            ids.push_back(range_.id(chosen[r]));
        }
        return ids;
    }

    std::span<const GenerationRequest> requests_;
    SamplingConfig config_;
    SamplingRange range_;
    std::int64_t context_;
    std::vector<std::size_t> order_;
    std::size_t next_ = 0;  // into order_
    std::vector<Row> rows_;
    IncrementalDecoder decoder_;
};

}  // namespace

void generate(const Decoder& decoder, std::span<const GenerationRequest> requests,
              const SamplingConfig& config,
              const std::function<void(std::size_t, GenerationResult&&)>& done) {
    if (requests.empty()) return;
    Generator(decoder, requests, config).run(done);
}

}  // namespace linvox

#include "bench/workload.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/base/files.h"
#include "src/base/jsonl.h"
#include "src/base/rng.h"
#include "src/model/decoder.h"
#include "src/model/model_directory.h"

namespace linvox {
namespace {

ModelConfig small_model() {
    ModelConfig config;
    config.vocab_size = 4400;
    config.hidden_size = 512;
    config.num_layers = 7;
    config.num_heads = config.num_kv_heads = 8;
    config.head_dim = 64;
    config.intermediate_size = 1408;
    return config;
}

/// The shape of Qwen2.5-0.5B with 32768 codec tokens and controls behind its text vocabulary.
ModelConfig half_billion_model() {
    ModelConfig config;
    config.vocab_size = 185000;
    config.hidden_size = 896;
    config.num_layers = 24;
    config.num_heads = 14;
    config.num_kv_heads = 2;
    config.head_dim = 64;
    config.intermediate_size = 4864;
    config.rope_theta = 1e6;
    return config;
}

std::vector<std::int32_t> random_ids(std::int64_t count, std::int64_t vocabulary, Rng& rng) {
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i)
        ids.push_back(static_cast<std::int32_t>(2 + rng.below(static_cast<std::uint64_t>(vocabulary - 2))));
    return ids;
}

std::vector<std::int32_t> random_answer(const Workload& workload, Rng& rng) {
    const auto spread = static_cast<std::uint64_t>(workload.answer_high - workload.answer_low + 1);
    const std::int64_t length = workload.answer_low + static_cast<std::int64_t>(rng.below(spread));
    std::vector<std::int32_t> ids = random_ids(length - 1, workload.model.vocab_size, rng);
    ids.push_back(kWorkloadEnd);
    return ids;
}

}  // namespace

const std::vector<Workload>& workloads() {
    static const std::vector<Workload> list = {
        {"T", "25 M weights, vocabulary 4.4 k, prompt 60, answers 150-250", small_model(), 60, 150, 250, 1},
        {"T2", "T with everything twice as long", small_model(), 120, 300, 500, 1},
        {"T4", "T with everything four times as long", small_model(), 240, 600, 1000, 1},
        {"V", "Qwen2.5-0.5B with 185 k vocabulary, prompt 300, answers 300-500", half_billion_model(), 300,
         300, 500, 1},
        {"C", "the same, prompt 900, answers 300, 3 rejected", half_billion_model(), 900, 300, 300, 3}};
    return list;
}

void write_workload(const std::string& name, std::int64_t records, const std::filesystem::path& folder) {
    for (const Workload& workload : workloads()) {
        if (workload.name != name) continue;
        ensure_directory(folder);
        save_model_directory(folder / "model", make_decoder(workload.model, 8));
        Rng rng(9);
        JsonLinesWriter writer(folder / "pairs.jsonl", JsonLinesWriter::Mode::whole);
        for (std::int64_t i = 0; i < records; ++i) {
            nlohmann::json line = {
                {"prompt", random_ids(workload.prompt_tokens, workload.model.vocab_size, rng)},
                {"chosen", random_answer(workload, rng)}};
            for (std::int64_t k = 0; k < workload.rejected; ++k)
                line["rejected"].push_back(random_answer(workload, rng));
            writer.write(line);
        }
        writer.close();
        return;
    }
    throw UserError(fmt::format("no workload '{}'; there are T, V and C", name));
}

std::vector<PreferenceRecord> read_workload_pairs(const std::filesystem::path& folder) {
    std::vector<PreferenceRecord> records;
    for_each_json_line(folder / "pairs.jsonl", [&](const nlohmann::json& line, std::size_t) {
        PreferenceRecord record;
        record.info.id = std::to_string(records.size());
        record.info.prompt_ids = line.at("prompt").get<std::vector<std::int32_t>>();
        record.chosen.answer.ids = line.at("chosen").get<std::vector<std::int32_t>>();
        for (const auto& rejected : line.at("rejected")) {
            record.rejected.emplace_back();
            record.rejected.back().answer.ids = rejected.get<std::vector<std::int32_t>>();
        }
        records.push_back(std::move(record));
    });
    return records;
}

}  // namespace linvox

// inspection_text of inspect.h: the facts as lines.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "src/model/inspect.h"

namespace linvox {
namespace {

using nlohmann::json;

std::string bytes_text(const json& bytes) {
    const auto count = bytes.get<double>();
    return count < 0x1p30 ? fmt::format("{:.1f} MiB", count / 0x1p20)
                          : fmt::format("{:.2f} GiB", count / 0x1p30);
}

std::string millions(const json& count) { return fmt::format("{:.1f} M", count.get<double>() / 1e6); }

void add_config(std::string& text, const json& facts) {
    const json& c = facts["config"];
    text += fmt::format("architecture  {}: {} layers, width {}, {} heads ({} of keys) of {}, MLP {}\n",
                        c["architectures"][0].get<std::string>(), c["num_hidden_layers"].dump(),
                        c["hidden_size"].dump(), c["num_attention_heads"].dump(),
                        c["num_key_value_heads"].dump(), c["head_dim"].dump(), c["intermediate_size"].dump());
    text += fmt::format("context       {} positions, rope theta {}{}; head {}\n",
                        c["max_position_embeddings"].dump(), c["rope_theta"].dump(),
                        c.contains("rope_scaling") ? ", llama3 scaling" : "",
                        c["tie_word_embeddings"].get<bool>() ? "tied to the embedding" : "of its own");
    const json& p = facts["parameters"];
    text += fmt::format("parameters    {}: embedding {}, head {}, attention {}, MLP {}, norms {}\n",
                        millions(p["total"]), millions(p["embedding"]), millions(p["head"]),
                        millions(p["attention"]), millions(p["mlp"]), millions(p["norms"]));
}

void add_files(std::string& text, const json& facts) {
    for (const json& file : facts["files"])
        text += fmt::format("weights       {}: {} tensors, {}\n", file["name"].get<std::string>(),
                            file["tensors"].dump(), bytes_text(file["bytes"]));
    for (const auto& [name, count] : facts["dtypes"].items())
        text += fmt::format("dtype         {} ({} values)\n", name, millions(count));
}

void add_tokenizer(std::string& text, const json& facts) {
    const json& t = facts["tokenizer"];
    const auto id = [](const json& special) {
        return special.get<std::int64_t>() < 0 ? std::string("none") : special.dump();
    };
    text += fmt::format("tokenizer     {} ({}): {} tokens, BOS {}, EOS {}, PAD {}\n",
                        t["kind"].get<std::string>(), t["file"].get<std::string>(), t["size"].dump(),
                        id(t["bos"]), id(t["eos"]), id(t["pad"]));
    if (facts.contains("vocabulary"))
        text += fmt::format("vocabulary    {} rows, {} of them without a token\n",
                            facts["vocabulary"]["rows"].dump(), facts["vocabulary"]["spare_rows"].dump());
    for (const json& range : facts["codec"])
        text += fmt::format("codec         {}: ids {}..{} ({} streams, {} tokens a frame), stop {}\n",
                            range["pattern"].get<std::string>(), range["first_id"].dump(),
                            range["first_id"].get<std::int64_t>() + range["size"].get<std::int64_t>() - 1,
                            range["streams"].dump(), range["frame_size"].dump(), range["stop_ids"].dump());
    if (facts["codec"].empty()) text += "codec         no codec tokens\n";
}

void add_memory_lines(std::string& text, const json& facts) {
    const json& m = facts["memory"];
    text += fmt::format(
        "memory        of a micro-batch of {} with prompts of {} and answers of {} tokens, float32 "
        "products; bf16: weights = bf16 with 8-bit moments; the program's own files come on top\n",
        m["batch"].dump(), m["prompt"].dump(), m["answer"].dump());
    const auto line = [&](const std::string& what, const json& e) {
        text +=
            fmt::format("  {:<12}{}: weights {}, gradients {}, AdamW {}, activations {}, logits {}\n", what,
                        bytes_text(e["total"]), bytes_text(e["weights"]), bytes_text(e["gradients"]),
                        bytes_text(e["optimiser"]), bytes_text(e["activations"]), bytes_text(e["logits"]));
    };
    line("sft", m["sft"]);
    line("align", m["align"]);
    line("align, bf16", m["align_bf16"]);
    line(fmt::format("align, r {}", m["rank"].dump()), m["align_lora"]);
}

}  // namespace

std::string inspection_text(const json& facts) {
    std::string text;
    if (facts.contains("config")) add_config(text, facts);
    if (facts.contains("files")) add_files(text, facts);
    if (facts.contains("tokenizer")) add_tokenizer(text, facts);
    if (facts.contains("stop_ids")) text += fmt::format("end ids       {}\n", facts["stop_ids"].dump());
    if (facts.contains("memory")) add_memory_lines(text, facts);
    for (const json& problem : facts["problems"])
        text += "problem       " + problem.get<std::string>() + "\n";
    if (facts["problems"].empty()) text += "no problems found\n";
    return text;
}

}  // namespace linvox

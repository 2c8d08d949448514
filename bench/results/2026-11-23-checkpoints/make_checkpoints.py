"""Small random checkpoints in the published layouts, written by transformers; preference pairs in the recipes' forms.

    python3 make_checkpoints.py FOLDER REPOSITORY     (transformers 4.57.1, torch 2.13.0)
"""
import json
import pathlib
import random
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

FOLDER, REPOSITORY = map(pathlib.Path, sys.argv[1:3])
SPARK = ["<|task_tts|>", "<|start_content|>", "<|end_content|>", "<|start_global_token|>", "<|end_global_token|>", "<|start_semantic_token|>", "<|end_semantic_token|>"]
LLASA = ["<|start_header_id|>", "<|end_header_id|>", "<|TEXT_UNDERSTANDING_START|>", "<|TEXT_UNDERSTANDING_END|>", "<|SPEECH_GENERATION_START|>", "<|SPEECH_GENERATION_END|>"]
LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
# recipe: family, tied, marks, patterns, codes, spare rows, end, largest shard
SHAPES = {
    "spark": ("qwen2", True, SPARK, ["<|bicodec_global_N|>", "<|bicodec_semantic_N|>"], 256, 7, "<|im_end|>", "10GB"),
    "llasa": ("llama", True, LLASA, ["<|s_N|>"], 512, 0, "<|eot_id|>", "300KB"),
    "orpheus": ("llama", True, [], ["<custom_token_N>"], 10 + 7 * 64, 12, "<|eot_id|>", "200KB"),
    "unitts": ("qwen2", False, [], ["<|g0r0_N|>"], 300, 5, "<|endoftext|>", "250KB"),
    "spark-qwen3": ("qwen3", True, SPARK, ["<|bicodec_global_N|>", "<|bicodec_semantic_N|>"], 256, 3, "<|im_end|>", "300KB"),
}


def tokenizer_of(family, marks, patterns, codes):
    text = (REPOSITORY / "tests/golden/tokenizers" / ("llama3" if family == "llama" else "qwen2") / "tokenizer.json").read_text()
    document = json.loads(text)
    document["added_tokens"] = [t for t in document["added_tokens"] if t["content"].startswith("<|") and not t["content"].startswith("<|s_")]
    at = len(document["model"]["vocab"])
    for token in document["added_tokens"]:
        token["id"], at = at, at + 1
    have = {t["content"] for t in document["added_tokens"]}
    names = [(m, True) for m in marks] + [(p.replace("N", str(n)), False) for p in patterns for n in range(codes)]
    for name, special in names:
        if name not in have:
            document["added_tokens"].append({"id": at, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special})
            at += 1
    old = document.get("post_processor")
    if old and "TemplateProcessing" in json.dumps(old):  # its ids are those of the golden file
        ids = {t["content"]: t["id"] for t in document["added_tokens"]}
        for part in old.get("processors", [old]):
            for name, token in part.get("special_tokens", {}).items():
                token["ids"] = [ids[name]]
    return document, at


def model_of(family, tied, rows, end, dtype):
    torch.manual_seed(7)
    shape = dict(vocab_size=rows, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, intermediate_size=96,
                 max_position_embeddings=1024, rms_norm_eps=1e-6, tie_word_embeddings=tied, eos_token_id=end, bos_token_id=None, pad_token_id=None)
    if family == "llama":
        model = LlamaForCausalLM(LlamaConfig(**shape, head_dim=16, rope_theta=500000.0, rope_scaling=LLAMA3))
    elif family == "qwen2":
        model = Qwen2ForCausalLM(Qwen2Config(**shape, rope_theta=1000000.0))
    else:
        model = Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=32, rope_theta=1000000.0))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(1 + 0.2 * torch.randn_like(weight) if "norm" in name else torch.randn_like(weight) * (0.1 if weight.dim() == 2 else 0.3))
    return model.to(dtype)


def record(recipe, pattern, codes, pair, rng):
    def answer(odd):
        numbers = [10 + 64 * (i % 7) + 2 * rng.randrange(32) + odd for i in range(14)] if recipe == "orpheus" else [2 * rng.randrange(codes // 2) + odd for _ in range(rng.randint(10, 16))]
        return "".join(pattern.replace("N", str(n)) for n in numbers)
    text, good, bad = f"say number {pair}, caf\u00e9 {pair * 37}", answer(0), answer(1)
    if recipe.startswith("spark"):
        return {"prompt": [{"role": "user", "content": text}, {"role": "speaker", "content": "<|bicodec_global_3|><|bicodec_global_4|>"}], "chosen": good, "rejected": bad}
    if recipe == "unitts":
        return {"prompt": [{"role": "system", "content": "speak"}, {"role": "user", "content": text}], "chosen": good, "rejected": bad}
    if recipe == "llasa":
        return {"instruction": text, "completions": [{"response": bad, "overall_score": 0.2}, {"response": good, "overall_score": 0.9}]}
    return {"prompt": "tara: " + text, "chosen": good, "rejected": [bad, answer(1)]}


for recipe, (family, tied, marks, patterns, codes, spare, end, shard) in SHAPES.items():
    document, tokens = tokenizer_of(family, marks, patterns, codes)
    ids = {t["content"]: t["id"] for t in document["added_tokens"]}
    for dtype in ("bfloat16", "float32"):
        folder = FOLDER / f"{recipe}-{dtype}"
        model = model_of(family, tied, tokens + spare, ids[end], getattr(torch, dtype))
        model.save_pretrained(folder, max_shard_size=shard)
        (folder / "raw.json").write_text(json.dumps(document))
        fast = PreTrainedTokenizerFast(tokenizer_file=str(folder / "raw.json"), eos_token=end)
        (folder / "raw.json").unlink()
        fast.save_pretrained(folder)
        (folder / "codec").mkdir(exist_ok=True)
        (folder / "codec/quantizer.bin").write_bytes(bytes(range(256)))
        (folder / "README.md").write_bytes("---\nlicense: none\r\n---\n\u00e9".encode())
        print(folder.name, sorted(p.name for p in folder.iterdir()), tokens, "tokens", tokens + spare, "rows")
    rng = random.Random(5)
    with open(FOLDER / f"{recipe}.jsonl", "w") as out:
        for pair in range(40):
            out.write(json.dumps(record(recipe, patterns[-1], codes, pair, rng)) + "\n")

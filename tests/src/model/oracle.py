"""Prints the golden numbers of decoder_test.cpp, lora_test.cpp and generate_plain_test.cpp.

    pip install torch==2.13.0 transformers==4.57.1 peft==0.17.1 && python tests/src/model/oracle.py

Weights are by formula, so that C++ and Python have the same without a file: tensor k of the names in sorted
order, element i.
"""

import math

import peft
import torch
import transformers
from transformers import (LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM)

IDS = [(5 * i + 3) % 37 for i in range(40)]
CLASSES = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM),
           "qwen3": (Qwen3Config, Qwen3ForCausalLM)}


def fill(tensors, size, step, rate, unit):
    """size sin(step k + rate i), plus 1 where unit(name)."""
    for k, name in enumerate(sorted(tensors)):
        tensor = tensors[name]
        i = torch.arange(tensor.numel(), dtype=torch.float64)
        values = size * torch.sin(step * k + rate * i) + (1.0 if unit(name) else 0.0)
        tensor.data.copy_(values.reshape(tensor.shape).to(torch.float32))


def model_of(name, tied=None):
    sizes = dict(vocab_size=37, hidden_size=20, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, head_dim=6, intermediate_size=28, max_position_embeddings=512,
                 rope_theta=10000.0, rms_norm_eps=1e-6, tie_word_embeddings=name != "llama" if tied is None else tied,
                 attn_implementation="eager")
    if name == "llama":
        sizes["rope_scaling"] = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    config_class, model_class = CLASSES[name]
    config = config_class(**sizes)
    config.head_dim = 6
    model = model_class(config).eval()
    fill(dict(model.named_parameters()), 0.2, 0.7, 0.37, lambda n: n.endswith("norm.weight"))
    return model


def logits_of(model):
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0].float()


def show(label, values):
    print(label, "{" + ", ".join(f"{float(v):.6g}" for v in values) + "}")


def plain():
    for name in CLASSES:
        for tied in (True, False):
            logits = logits_of(model_of(name, tied))
            show(f"{name} tied {tied} [39][0:5]", logits[39][:5])
            show(f"{name} tied {tied} [7][10:13]", logits[7][10:13])


def half():
    """Error of bfloat16 weights against their float32 selves, alone and in a batch of three."""
    for name in CLASSES:
        wide = model_of(name)
        wide = wide.to(torch.bfloat16).float()
        narrow = model_of(name).to(torch.bfloat16)
        exact = logits_of(wide)
        with torch.no_grad():
            batch = narrow(torch.tensor([IDS] * 3)).logits[1].float()
        alone = logits_of(narrow)
        show(f"{name} bf16 mean |error|, max |error|, max |batch - alone|",
             [(alone - exact).abs().mean(), (alone - exact).abs().max(), (batch - alone).abs().max()])
        show(f"{name} bf16 [39][0:5] of float32 sums", exact[39][:5])


ADAPTERS = {"lora": dict(target_modules=["q_proj", "v_proj"]),
            "rslora": dict(target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                                           "down_proj"], use_rslora=True),
            "dora": dict(target_modules=["k_proj", "o_proj", "up_proj", "down_proj"], use_dora=True)}


def adapted(name, kind):
    config = peft.LoraConfig(r=3, lora_alpha=5, task_type="CAUSAL_LM", **ADAPTERS[kind])
    model = peft.get_peft_model(model_of(name), config).eval()
    tensors = {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}
    fill(tensors, 0.2, 0.9, 0.53, lambda n: "magnitude" in n)
    return model


def adapters():
    for name in CLASSES:
        for kind in ADAPTERS:
            logits = logits_of(adapted(name, kind))
            show(f"{name} {kind} [39][0:5]", logits[39][:5])


def greedy():
    """Greedy continuations of three prompts, 12 tokens, no stop."""
    for name in CLASSES:
        model = model_of(name, tied=False)
        for prompt in ([1], [3, 8, 13, 18], [(7 * i + 2) % 37 for i in range(21)]):
            with torch.no_grad():
                ids = torch.tensor([prompt])  # without a mask transformers takes the id 0 for padding
                out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12,
                                     do_sample=False, eos_token_id=None, pad_token_id=0)
            show(f"{name} greedy after {len(prompt)}", out[0][len(prompt):])


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}")
    assert math.isclose(float(logits_of(model_of("qwen2"))[39][0]), -0.254281, abs_tol=1e-4)
    plain()
    half()
    adapters()
    greedy()

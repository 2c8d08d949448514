#!/usr/bin/env python3
"""llama.cpp's side of compare_llama.py, in its venv. Not for use by hand.

    llama_generate.py convert MODEL_DIR FILE.gguf f32|bf16
    llama_generate.py measure LIBRARIES FILE.gguf FIRST_ID BARRED_ID TOKENS ROUNDS THREADS

`convert` turns a Qwen2 directory of one safetensors file into GGUF without a tokenizer: matrices in the wanted
precision, norms and biases in float32, as llama.cpp's own converter does. `measure` calls libllama directly: one
llama_decode a token, and numpy's argmax over the logits, which costs less than a chain of samplers. Prints one
JSON object.
"""

import ctypes
import json
import pathlib
import sys
import time

import numpy as np

LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
OTHER_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def gguf_name(name):
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    layer, rest = name.removeprefix("model.layers.").split(".", 1)
    place, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{LAYER_NAMES[place]}.{kind}"


def bfloat16_bits(values):
    """Rounded to nearest, ties to even; the weights are finite."""
    words = values.view(np.uint32)
    return ((words + 0x7FFF + ((words >> 16) & 1)) >> 16).astype(np.uint16)


def convert(folder, file, precision):
    import gguf
    from safetensors import safe_open

    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] != "qwen2":
        sys.exit(f"{folder}: the model type is {config['model_type']}; this converter knows qwen2")
    writer = gguf.GGUFWriter(str(file), "qwen2")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if precision == "bf16" else gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")
    with safe_open(str(folder / "model.safetensors"), "numpy") as weights:
        for name in weights.keys():
            values = weights.get_tensor(name).astype(np.float32, copy=False)
            if precision == "bf16" and values.ndim == 2:
                bits = bfloat16_bits(values)
                writer.add_tensor(gguf_name(name), bits.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
            else:
                writer.add_tensor(gguf_name(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Parameters(ctypes.Structure):
    """Room for llama.cpp's structs of settings, which this program takes at their defaults and hands on."""

    _fields_ = [("words", ctypes.c_uint64 * 64)]


class Batch(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int32)] + [(f"pointer_{i}", ctypes.c_void_p) for i in range(6)]


def libllama(folder):
    for name in ("ggml-base", "ggml-cpu", "ggml", "llama"):
        library = ctypes.CDLL(str(folder / f"lib{name}.so"), mode=ctypes.RTLD_GLOBAL)
    signatures = {
        "llama_backend_init": (None, []),
        "llama_print_system_info": (ctypes.c_char_p, []),
        "llama_model_default_params": (Parameters, []),
        "llama_context_default_params": (Parameters, []),
        "llama_model_load_from_file": (ctypes.c_void_p, [ctypes.c_char_p, Parameters]),
        "llama_init_from_model": (ctypes.c_void_p, [ctypes.c_void_p, Parameters]),
        "llama_set_n_threads": (None, [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32]),
        "llama_get_memory": (ctypes.c_void_p, [ctypes.c_void_p]),
        "llama_memory_clear": (None, [ctypes.c_void_p, ctypes.c_bool]),
        "llama_batch_get_one": (Batch, [ctypes.POINTER(ctypes.c_int32), ctypes.c_int32]),
        "llama_decode": (ctypes.c_int32, [ctypes.c_void_p, Batch]),
        "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [ctypes.c_void_p, ctypes.c_int32]),
        "llama_model_get_vocab": (ctypes.c_void_p, [ctypes.c_void_p]),
        "llama_vocab_n_tokens": (ctypes.c_int32, [ctypes.c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def measure(folder, file, first, barred, tokens, rounds, threads):
    llama = libllama(folder)
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(str(file).encode(), llama.llama_model_default_params())
    context = llama.llama_init_from_model(model, llama.llama_context_default_params()) if model else None
    if not context:
        sys.exit(f"llama.cpp does not load {file}")
    llama.llama_set_n_threads(context, threads, threads)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    token = ctypes.c_int32()
    rates, ids = [], []
    for _ in range(rounds + 1):  # the first warms up
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        token.value, ids = first, []
        start = time.perf_counter()
        for _ in range(tokens):
            if llama.llama_decode(context, llama.llama_batch_get_one(ctypes.byref(token), 1)) != 0:
                sys.exit("llama_decode failed")
            logits = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (vocabulary,))
            logits[barred] = -np.inf
            token.value = int(logits.argmax())
            ids.append(token.value)
        rates.append(tokens / (time.perf_counter() - start))
    print(
        json.dumps(
            {
                "steps_per_s": float(np.median(rates[1:])),
                "best_steps_per_s": max(rates[1:]),
                "system": llama.llama_print_system_info().decode().strip(),
                "first_ids": ids,
            }
        )
    )


def main():
    command, *words = sys.argv[1:]
    if command == "convert":
        convert(pathlib.Path(words[0]), pathlib.Path(words[1]), words[2])
    else:
        measure(pathlib.Path(words[0]), pathlib.Path(words[1]), *map(int, words[2:]))


main()

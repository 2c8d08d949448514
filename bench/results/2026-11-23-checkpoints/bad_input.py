"""Broken checkpoints, one after another: `linvox score` and `linvox run` must refuse each with one error, exit code 2, nothing written.

    python3 bad_input.py LINVOX DIRECTORY-OF-A-SHARDED-CHECKPOINT PAIRS RECIPE
"""
import json
import pathlib
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile

LINVOX, SOURCE, PAIRS, RECIPE = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]
FIRST = sorted(SOURCE.glob("*.safetensors"))[0].name


def header(path):
    data = path.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + n]), data[8 + n:]


def write(path, head, body, length=None):
    text = json.dumps(head).encode() if isinstance(head, dict) else head
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)


def edit(model, change):
    head, body = header(model / FIRST)
    name = next(k for k in head if k.endswith(("q_proj.weight", "up_proj.weight", "embed_tokens.weight")))
    head, body = change(head, body, name) or (head, body)
    write(model / FIRST, head, body)


def set_key(file, **keys):
    document = json.loads(file.read_text())
    document.update(keys)
    file.write_text(json.dumps(document))


def tokenizer(model, change):
    document = json.loads((model / "tokenizer.json").read_text())
    change(document)
    (model / "tokenizer.json").write_text(json.dumps(document))


class Boom:
    def __reduce__(self):
        return (open, ("pickle-was-run", "w"))


def pickled(model):
    for f in list(model.glob("*.safetensors*")):
        f.unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Boom()))
    (model / "model.pt").write_bytes(pickle.dumps(Boom()))


CASES = {
    "truncated data": lambda m: (m / FIRST).write_bytes((m / FIRST).read_bytes()[:-1000]),
    "truncated in the header": lambda m: (m / FIRST).write_bytes((m / FIRST).read_bytes()[:100]),
    "empty file": lambda m: (m / FIRST).write_bytes(b""),
    "seven bytes": lambda m: (m / FIRST).write_bytes(b"1234567"),
    "header length 2^63": lambda m: (m / FIRST).write_bytes(struct.pack("<Q", 2**63) + (m / FIRST).read_bytes()[8:]),
    "header is no JSON": lambda m: write(m / FIRST, b"{nope", b""),
    "header nested 100000 deep": lambda m: write(m / FIRST, b"[" * 100000, b""),
    "offsets past the end": lambda m: edit(m, lambda h, b, n: h[n].update(data_offsets=[h[n]["data_offsets"][0], len(b) + 64])),
    "offsets overlap": lambda m: edit(m, lambda h, b, n: h[n].update(data_offsets=[x - 16 for x in h[n]["data_offsets"]])),
    "offsets negative": lambda m: edit(m, lambda h, b, n: h[n].update(data_offsets=[-8, 8])),
    "shape lies": lambda m: edit(m, lambda h, b, n: h[n].update(shape=[h[n]["shape"][0] * 2, h[n]["shape"][1]])),
    "shape overflows": lambda m: edit(m, lambda h, b, n: h[n].update(shape=[2**40, 2**40])),
    "shape turned": lambda m: edit(m, lambda h, b, n: h[n].update(shape=[h[n]["shape"][0] * 2, h[n]["shape"][1] // 2])),
    "dtype unknown": lambda m: edit(m, lambda h, b, n: h[n].update(dtype="F8_E4M3")),
    "dtype wider than data": lambda m: edit(m, lambda h, b, n: h[n].update(dtype="F64")),
    "dtype integer": lambda m: edit(m, lambda h, b, n: h[n].update(dtype="I32" if h[n]["dtype"] == "F32" else "I16")),
    "tensor renamed": lambda m: edit(m, lambda h, b, n: ({n + "x" if k == n else k: v for k, v in h.items()}, b)),
    "shard missing": lambda m: (m / FIRST).unlink(),
    "index names ../": lambda m: set_key(m / "model.safetensors.index.json", weight_map={"model.norm.weight": "../x.safetensors"}),
    "index is no JSON": lambda m: (m / "model.safetensors.index.json").write_text("{"),
    "config: hidden_size": lambda m: set_key(m / "config.json", hidden_size=128),
    "config: vocab_size": lambda m: set_key(m / "config.json", vocab_size=2000),
    "config: layers": lambda m: set_key(m / "config.json", num_hidden_layers=4),
    "config: architecture": lambda m: set_key(m / "config.json", architectures=["MistralForCausalLM"], model_type="mistral"),
    "config: rope yarn": lambda m: set_key(m / "config.json", rope_scaling={"rope_type": "yarn", "factor": 4.0}),
    "config: sliding window": lambda m: set_key(m / "config.json", sliding_window=32, use_sliding_window=True),
    "config: quantised": lambda m: set_key(m / "config.json", quantization_config={"quant_method": "gptq", "bits": 4}),
    "config: hidden_act": lambda m: set_key(m / "config.json", hidden_act="gelu"),
    "config: mlp_bias": lambda m: set_key(m / "config.json", mlp_bias=True),
    "config: text for number": lambda m: set_key(m / "config.json", hidden_size="64"),
    "config missing": lambda m: (m / "config.json").unlink(),
    "tokenizer: WordPiece": lambda m: tokenizer(m, lambda d: d["model"].update(type="WordPiece")),
    "tokenizer: normalizer": lambda m: tokenizer(m, lambda d: d.update(normalizer={"type": "BertNormalizer"})),
    "tokenizer: pre_tokenizer": lambda m: tokenizer(m, lambda d: d.update(pre_tokenizer={"type": "Metaspace"})),
    "tokenizer: post_processor": lambda m: tokenizer(m, lambda d: d.update(post_processor={"type": "BertProcessing"})),
    "tokenizer: decoder": lambda m: tokenizer(m, lambda d: d.update(decoder={"type": "WordPiece"})),
    "tokenizer: dropout": lambda m: tokenizer(m, lambda d: d["model"].update(dropout=0.1)),
    "tokenizer: truncated": lambda m: (m / "tokenizer.json").write_text((m / "tokenizer.json").read_text()[:5000]),
    "tokenizer missing": lambda m: (m / "tokenizer.json").unlink(),
    "pickled .bin and .pt": pickled,
}

bad = 0
for name, spoil in CASES.items():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model = folder / "model"
        shutil.copytree(SOURCE, model)
        spoil(model)
        (folder / "text.jsonl").write_text('{"prompt": "say", "answer": "<|s_1|>"}\n')
        outputs = []
        commands = {"score": ["score", "--model", str(model), "--data", str(folder / "text.jsonl"), "--out", str(folder / "out.jsonl")],
                    "run": ["run", RECIPE, "--set", f"model.start={model}", "--set", f"data.manifest={PAIRS}", "--run", str(folder / "run")]}
        for what, command in commands.items():
            done = subprocess.run([LINVOX, *command], capture_output=True, text=True)
            errors = [l for l in done.stderr.splitlines() if l.startswith("linvox: ")]
            outputs.append((what, done.returncode, errors, done.stderr))
        left = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "model/" not in str(p.relative_to(folder)) and p.name != "text.jsonl" and not str(p.relative_to(folder)).startswith("run/stages/p") )
        ok = all(code == 2 and len(errors) == 1 and str(folder) in errors[0] for _, code, errors, _ in outputs)
        bad += not ok
        print(f"{'ok ' if ok else 'BAD'} {name}")
        said = set()
        for what, code, errors, text in outputs:
            message = (errors[0] if errors else text.strip()[-300:]).replace(str(folder) + "/", "")
            if not ok or message not in said:
                print(f"      {what} {code}: {message}")
            said.add(message)
        if [p for p in left if p != "run/config.toml"]:
            print("      left:", [p for p in left if p != "run/config.toml"])
print("pickle was run:", pathlib.Path("pickle-was-run").exists(), "; not as wanted:", bad, "of", len(CASES))

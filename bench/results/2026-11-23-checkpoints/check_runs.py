"""Runs recipes/checkpoint on the checkpoints of make_checkpoints.py and loads what comes out with transformers and PEFT.

    python3 check_runs.py FOLDER REPOSITORY LINVOX     (transformers 4.57.1, peft 0.17.1)
"""
import filecmp
import json
import logging
import pathlib
import subprocess
import sys
import warnings

import peft
import torch
import transformers
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER, REPOSITORY = map(pathlib.Path, sys.argv[1:3])
LINVOX = sys.argv[3]
ONLY = sys.argv[4:]
SAID = []
handler = logging.Handler()
handler.emit = lambda r: SAID.append(r.getMessage()) if r.levelno >= logging.WARNING else None
transformers.utils.logging.get_logger("transformers").addHandler(handler)
torch.set_num_threads(1)
VARIANTS = {
    "lora": "",
    "full": "align.0.lora.rank=0",
    "sft-full+full": "sft.steps=4 sft.optimiser.learning_rate=1e-3 sft.dropout=0 align.0.lora.rank=0",
    "sft-lora+lora": "sft.steps=4 sft.lora.rank=4 sft.optimiser.learning_rate=1e-2 sft.dropout=0",
    "sft-freeze+dora": "sft.steps=4 sft.freeze=[\"model.embed_tokens.*\",\"*.mlp.*\"] sft.optimiser.learning_rate=1e-3 sft.dropout=0 align.0.lora.dora=true",
    "rslora": "align.0.lora.rslora=true align.0.lora.target_modules=[\"q_proj\",\"v_proj\",\"down_proj\"]",
}


def layout(folder):
    files = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as f:
            files[file.name] = [(k, f.get_slice(k).get_dtype(), f.get_slice(k).get_shape()) for k in f.keys()], f.metadata()
    return files


def tensors(folder):
    found = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as f:
            found.update({k: f.get_tensor(k) for k in f.keys()})
    return found


def load(folder):
    SAID.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype="auto")
        tokenizer = AutoTokenizer.from_pretrained(folder)
    said = SAID + [str(w.message) for w in caught] + [f"{k} {v}" for k, v in info.items() if v]
    return model, tokenizer, said


def check(start, saved, frozen=()):
    model, tokenizer, said = load(saved)
    before, after = tensors(start), tensors(saved)
    same_layout = layout(start) == layout(saved)
    others = [p.relative_to(start) for p in start.rglob("*") if p.is_file() and p.suffix != ".safetensors"]
    copied = [p for p in others if filecmp.cmp(start / p, saved / p, shallow=False)]
    extra = sorted(str(p.relative_to(saved)) for p in saved.rglob("*") if p.is_file() and not (start / p.relative_to(saved)).exists())
    changed = [k for k in before if not torch.equal(before[k], after[k])]
    finite = all(torch.isfinite(t).all() for t in after.values())
    touched = [k for k in changed if any(f in k for f in frozen)]
    ok = not said and same_layout and len(copied) == len(others) and changed and finite and not extra and not touched
    largest = max((float((after[k].float() - before[k].float()).abs().max()) for k in changed), default=0)
    print(f"    {'ok ' if ok else 'BAD'} {saved.relative_to(FOLDER)}: {type(model).__name__} {model.dtype}, {len(layout(saved))} file(s), layout {'same' if same_layout else 'DIFFERS'}, "
          f"{len(copied)}/{len(others)} other files equal, {len(changed)}/{len(before)} tensors changed (most {largest:.2g}), warnings {said or 'none'}, extra {extra or 'none'}{' FROZEN CHANGED ' + str(touched) if touched else ''}", flush=True)
    return ok


def check_adapter(start, stage):
    base = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    SAID.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        policy = peft.PeftModel.from_pretrained(base, stage / "adapter")
    said = SAID + [str(w.message) for w in caught]
    ids = torch.arange(60, 100)[None]
    with torch.no_grad():
        laid = policy(ids).logits
        merged = policy.merge_and_unload()
        stored = AutoModelForCausalLM.from_pretrained(stage / "model", dtype=torch.float32)
        theirs, ours = dict(merged.named_parameters()), dict(stored.named_parameters())
        dtype = AutoModelForCausalLM.from_pretrained(stage / "model", dtype="auto").dtype
        same = sum(int((theirs[k].to(dtype) == ours[k].to(dtype)).sum()) for k in ours)
        count = sum(p.numel() for p in ours.values())
        worst = max(float((theirs[k] - ours[k]).abs().max()) for k in ours)
        logit = float((laid - stored(ids).logits).abs().max())
        config = json.loads((stage / "adapter/adapter_config.json").read_text())
    print(f"        adapter in PEFT: merged weights equal after rounding to {dtype}: {same}/{count}, largest difference {worst:.2g}; logits with the adapter against merged model {logit:.2g} of {float(laid.abs().max()):.3g}; "
          f"r {config['r']}, rslora {config.get('use_rslora')}, dora {config.get('use_dora')}, base {config.get('base_model_name_or_path')}, warnings {said or 'none'}", flush=True)


def main():
    print("transformers", transformers.__version__, "peft", peft.__version__, "torch", torch.__version__, subprocess.run([LINVOX, "--version"], capture_output=True, text=True).stdout.strip())
    for recipe in ("spark", "llasa", "orpheus", "unitts", "spark-qwen3"):
        for dtype in ("bfloat16", "float32"):
            for variant, sets in VARIANTS.items():
                if ONLY and not any(o in f"{recipe}-{dtype}-{variant}" for o in ONLY):
                    continue
                start, run = FOLDER / f"{recipe}-{dtype}", FOLDER / f"run/{recipe}-{dtype}-{variant}"
                command = [LINVOX, "run", f"recipes/checkpoint/{recipe.split('-')[0]}.toml", "--set", f"model.start={start}", "--set", f"data.manifest={FOLDER / (recipe + '.jsonl')}",
                           "--set", "data.valid_share=0.2", "--set", "align.0.optimiser.learning_rate=2e-3", "--run", str(run)]
                for one in sets.split():
                    command += ["--set", one]
                done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
                last = (done.stdout + done.stderr).strip().splitlines()[-3:]
                print(f"{recipe} {dtype} {variant}: exit {done.returncode}", "" if done.returncode == 0 else last, flush=True)
                if done.returncode:
                    continue
                base = start
                if "sft" in variant:
                    base = run / "stages/sft/model"
                    check(start, base, ("embed_tokens", ".mlp.") if "freeze" in variant else ())
                    if "sft-lora" in variant:
                        check_adapter(start, run / "stages/sft")
                check(start, run / "stages/align/lpo/model")
                if "rank=0" not in sets:
                    check_adapter(base, run / "stages/align/lpo")


main()

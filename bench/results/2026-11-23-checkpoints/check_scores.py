"""Log-probabilities, greedy answers and token ids of Linvox against transformers on the same directories.

    python3 check_scores.py LINVOX DIRECTORY...     (transformers 4.57.1, torch 2.13.0)
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

LINVOX, KEY = sys.argv[1], "logprobs"
torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()


def linvox(*arguments):
    done = subprocess.run([LINVOX, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@torch.no_grad()
def theirs(model, records, batch, keep=None):
    """Per-token log-probabilities, `batch` sequences at a time, padded at the end; ids outside `keep` masked out."""
    found = []
    for at in range(0, len(records), batch):
        part = [r["prompt_ids"] + r["ids"] for r in records[at:at + batch]]
        width = max(map(len, part))
        ids = torch.tensor([p + [0] * (width - len(p)) for p in part])
        mask = torch.tensor([[1] * len(p) + [0] * (width - len(p)) for p in part])
        logits = model(ids, attention_mask=mask).logits.float()
        if keep is not None:
            bias = torch.full((logits.shape[-1],), float("-inf"))
            bias[keep] = 0
            logits = logits + bias
        logprobs = torch.log_softmax(logits, -1)
        for row, record in enumerate(records[at:at + batch]):
            first, count = len(record["prompt_ids"]), len(record["ids"])
            found.append(logprobs[row, first - 1:first - 1 + count].gather(1, torch.tensor(record["ids"])[:, None])[:, 0])
    return torch.cat(found)


def ours(directory, file, *options):
    out = []
    for line in lines(linvox("score", "--model", directory, "--data", file, "--per-token", *options)):
        answer = line["answers"][0]
        out += answer[KEY]
    return torch.tensor(out)


def gap(a, b):
    d = (a - b).abs()
    return f"max {d.max():.2g} mean {d.mean():.2g}"


def scores(directory, work):
    rng = random.Random(3)
    facts = json.loads(linvox("inspect", "--json", directory))
    rows = facts["config"]["vocab_size"]
    records = [{"id": str(i), "prompt_ids": [rng.randrange(rows) for _ in range(rng.choice([1, 9, 40, 200]))], "ids": [rng.randrange(rows) for _ in range(rng.choice([1, 17, 60, 150]))]} for i in range(16)]
    file = work / "records.jsonl"
    file.write_text("".join(json.dumps(r) + "\n" for r in records))
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="auto").eval()
    exact = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    truth = theirs(exact, records, 1)
    f32 = ours(directory, file, "--precision", "f32")
    print(f"  {len(truth)} tokens, log-probs {truth.mean():.2f} +- {truth.std():.2f}; f32: linvox - transformers {gap(f32, truth)}; transformers batch 1 - 8 {gap(theirs(exact, records, 8), truth)}")
    print(f"  f32, token budget 300 against 4096: {gap(ours(directory, file, '--precision', 'f32', '--token-budget', 300), f32)}")
    if model.dtype == torch.bfloat16:
        one, eight, stored = theirs(model, records, 1), theirs(model, records, 8), ours(directory, file)
        print(f"  bf16: linvox - transformers(1) {gap(stored, one)}; transformers 1 - 8 {gap(one, eight)}; against f32: linvox {gap(stored, truth)}, transformers {gap(one, truth)}")
    if facts.get("codec"):
        codec = next((c for c in facts["codec"] if "semantic" in c["pattern"]), facts["codec"][-1])
        ids = list(range(codec["first_id"], codec["first_id"] + codec["size"]))
        stops = codec["stop_ids"] or facts["stop_ids"]
        inside = [{**r, "ids": [rng.choice(ids + stops) for _ in r["ids"]]} for r in records]
        file.write_text("".join(json.dumps(r) + "\n" for r in inside))
        print(f"  --codec-only ({codec['pattern']}, {len(ids)} codes, stops {stops}): {gap(ours(directory, file, '--precision', 'f32', '--codec-only'), theirs(exact, inside, 1, ids + stops))}")


@torch.no_grad()
def greedy(directory, work, dtype, precision):
    rng = random.Random(4)
    facts = json.loads(linvox("inspect", "--json", directory))
    rows, eos = facts["config"]["vocab_size"], facts["config"]["eos_token_id"]
    prompts = [{"id": str(i), "prompt_ids": [rng.randrange(rows) for _ in range(rng.choice([1, 7, 30, 120]))]} for i in range(12)]
    (work / "prompts.jsonl").write_text("".join(json.dumps(p) + "\n" for p in prompts))
    out = work / "answers.jsonl"
    out.unlink(missing_ok=True)
    stop = eos if isinstance(eos, int) else eos[0]
    linvox("generate", "--model", directory, "--prompts", work / "prompts.jsonl", "--out", out, "--temperature", 0, "--max-tokens", 80, "--precision", precision, "--stop", stop)
    answers = {a["id"]: a for a in lines(out.read_text())[1:]}
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=dtype).eval()
    same, tokens, ended, notes = 0, 0, 0, []
    for prompt in prompts:
        ids = torch.tensor([prompt["prompt_ids"]])
        full = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=80, eos_token_id=stop, pad_token_id=0)[0].tolist()
        theirs_ = full[ids.shape[1]:]
        candidate = answers[prompt["id"]]["candidates"][0]
        mine = candidate["ids"]
        if theirs_ and theirs_[-1] == stop:
            ended += 1
            mine = mine + [stop] if mine[-1:] != [stop] else mine
        tokens += len(theirs_)
        if mine == theirs_:
            same += 1
        else:
            at = next((i for i, (a, b) in enumerate(zip(mine, theirs_)) if a != b), min(len(mine), len(theirs_)))
            top = model(torch.tensor([prompt["prompt_ids"] + theirs_[:at]])).logits[0, -1].float().topk(2).values
            notes.append(f"differs at {at} of {len(theirs_)}, top-2 gap there {top[0] - top[1]:.2g}")
    print(f"  greedy {precision}: {same}/12 answers equal ({tokens} tokens, {ended} ended themselves)", *notes)


def ids(directory, work):
    texts = ["", "Hello world's  42,000 caf\u00e9 cafe\u0301\n\n  tabs\t", "\u4eca\u5929\u5929\u6c14 \u6771\u4eac \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \U0001f600\u200d\u2642\ufe0f", "<|s_1|><|s_2|>x<|bicodec_semantic_3|> <|g0r0_7|><custom_token_12>", "def f(x):\n    return x**2  # \u00bd"]
    (work / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    oracle = AutoTokenizer.from_pretrained(directory)
    plain = [l["ids"] for l in lines(linvox("tokenize", "--model", directory, "--jsonl", work / "texts.jsonl"))]
    special = [l["ids"] for l in lines(linvox("tokenize", "--model", directory, "--jsonl", "--special", work / "texts.jsonl"))]
    print(f"  AutoTokenizer: {sum(oracle(t, add_special_tokens=False).input_ids == i for t, i in zip(texts, plain))}/{len(texts)} without and {sum(oracle(t).input_ids == i for t, i in zip(texts, special))}/{len(texts)} with special tokens equal")


print("transformers", transformers.__version__, "torch", torch.__version__, subprocess.run([LINVOX, "--version"], capture_output=True, text=True).stdout.strip())
for name in sys.argv[2:]:
    directory = pathlib.Path(name)
    print(directory.name, flush=True)
    with tempfile.TemporaryDirectory() as work:
        scores(directory, pathlib.Path(work))
        greedy(directory, pathlib.Path(work), torch.float32, "f32")
        if "bfloat16" in name:
            greedy(directory, pathlib.Path(work), torch.bfloat16, "bf16")
        if (directory / "tokenizer.json").exists():
            ids(directory, pathlib.Path(work))

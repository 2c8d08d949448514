"""Peak memory of single stages against `linvox inspect`.

    python3 check_memory.py LINVOX MODEL PAIRS PROMPT ANSWER BATCH [KEY=VALUE...]
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

LINVOX, MODEL, PAIRS, PROMPT, ANSWER, BATCH = sys.argv[1:7]
SETS = sys.argv[7:]
prompt, answer, batch = int(PROMPT), int(ANSWER), int(BATCH)


def peak(command):
    """Peak RSS and peak anonymous memory, MiB: RSS counts mapped files too."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    rss = anon = hwm = 0
    while process.poll() is None:
        try:
            status = dict(l.split(":", 1) for l in open(f"/proc/{process.pid}/status"))
            value = lambda k: int(status[k].split()[0]) / 1024
            rss, anon, hwm = max(rss, value("VmRSS")), max(anon, value("RssAnon")), max(hwm, value("VmHWM"))
        except (OSError, KeyError, IndexError):
            pass
        time.sleep(0.01)
    if process.returncode:
        print("   ", process.stderr.read().strip()[-400:])
    return hwm, anon


facts = json.loads(subprocess.run([LINVOX, "inspect", "--json", "--prompt", PROMPT, "--answer", ANSWER, "--batch", BATCH, MODEL], capture_output=True, text=True, check=True).stdout)["memory"]
with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    recipe = folder / "recipe.toml"
    recipe.write_text(f"""task = "checkpoint"
run_dir = "{folder}/run"
[model]
start = "{MODEL}"
template = "none"
[data]
manifest = "{PAIRS}"
valid_share = 0.05
[sft]
steps = 2
precision = "f32"
dropout = 0.0
token_budget = {batch * (prompt + answer)}
optimiser.learning_rate = 1e-5
evaluate_every = 0
[[align]]
name = "full"
epochs = 1
precision = "f32"
batch_pairs = {batch}
token_budget = {batch * (prompt + 2 * answer)}
loss.kind = "lpo-ste"
optimiser.learning_rate = 1e-5
""")
    for kind in ("sft", "align", "align_lora"):
        sets = [] if kind == "sft" else ["sft.steps=0"] + (["align.0.lora.rank=16"] if kind == "align_lora" else [])
        run = [LINVOX, "run", str(recipe), "--run", str(folder / kind)]
        for one in sets + SETS:
            run += ["--set", one]
        for stage in ("prepare", "pairs", "sft") if kind == "sft" else ("prepare", "pairs", "sft", "reference", "align"):
            hwm, anon = peak(run + ["--only", stage])
        guess = facts[kind]["total"] / 2**20
        parts = " ".join(f"{k} {v / 2**20:.0f}" for k, v in facts[kind].items() if k != "total")
        print(f"{pathlib.Path(MODEL).name} {prompt}+{answer} batch {batch} {' '.join(SETS)} {kind:10}: estimate {guess:6.0f} MiB ({parts}); measured peak RSS {hwm:6.0f}, without mapped files {anon:6.0f}; estimate / RSS {guess / hwm:.2f}", flush=True)

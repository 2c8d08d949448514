#!/usr/bin/env python3
"""Preference training in Linvox against TRL's DPOTrainer: same model, pairs, order and machine.

    bench/compare_trl.py T|T2|T4|V|C [--trl bf16:16 bf16:4 f32:16] [--accumulate 1] [--steps 4] [--rounds 5]
        [--linvox '{"precision": "f32"}'] [--proof-steps 10]

Builds linvox_bench and makes a private venv for TRL. TRL's settings (precision:pairs of a forward pass) are tried
once each, the fastest then runs against Linvox in turn. Both make steps of the same pairs. The first step of a run
warms up and is not counted; of a run of one step, the first pass of it. --proof-steps runs both in float32 and
compares the losses step by step: the same work is done. Raw output and summary go to
bench/results/<date>-train-<workload>/.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["torch==2.13.0", "trl==1.16.0", "transformers==4.57.1", "datasets<5", "accelerate==1.15.0"]
# Pairs of a pass that are tried in TRL, pairs of a step, and settings of Linvox (bench/workload.h).
WORKLOADS = {
    "T": {"trl": ["bf16:16", "bf16:4", "f32:16"], "pairs": 16, "linvox": {}},
    "T2": {"trl": ["bf16:8"], "pairs": 8, "linvox": {}},
    "T4": {"trl": ["bf16:4"], "pairs": 4, "linvox": {}},
    "V": {"trl": ["bf16:1", "bf16:2"], "pairs": 2, "linvox": {"moments": "8bit", "weights": "bf16"}},
    "C": {"trl": ["bf16:1"], "pairs": 3, "linvox": {"moments": "8bit", "weights": "bf16"}},
}


def output(*command, **kwargs):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def trl_python():
    venv = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "linvox" / "venv-trl"
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        print(f"installing {' '.join(PACKAGES)} in {venv}", file=sys.stderr)
        output(sys.executable, "-m", "venv", str(venv))
        output(str(python), "-m", "pip", "install", "-q", *PACKAGES)
        (venv / "ready").touch()
    return str(python)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def run(command):
    text = output(*command, stderr=subprocess.DEVNULL)
    return json.loads(text.strip().splitlines()[-1])


def rate(result, key):
    """Per second, without what warms up."""
    if len(result["seconds"]) > 1:
        return sum(result[key][1:]) / sum(result["seconds"][1:])
    passes = result["pass_seconds"]
    return result[key][0] * (len(passes) - 1) / len(passes) / sum(passes[1:])


class Bench:
    def __init__(self, options):
        self.options = options
        self.pairs = options.pairs or WORKLOADS[options.workload]["pairs"]
        self.program = options.bench
        if self.program is None:
            output(str(ROOT / "scripts/build.sh"), "linvox_bench", stderr=subprocess.DEVNULL)
            self.program = ROOT / "build/linvox_bench"
        self.python = trl_python()
        self.work = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"linvox-workload-{options.workload}"
        steps = max(options.steps, options.proof_steps)
        output(str(self.program), "workload", options.workload, str(steps * self.pairs), str(self.work))

    def linvox(self, steps, **settings):
        settings = {"precision": "auto", "batch_pairs": self.pairs, "steps": steps} | settings
        return run([str(self.program), "train", str(self.work), json.dumps(settings)])

    def trl(self, setting, steps):
        """The first `steps` steps of the order that Linvox used last."""
        precision, batch = setting.split(":")
        passes = self.pairs // int(batch)
        script = str(ROOT / "bench/trl_train.py")
        return run([self.python, script, str(self.work), precision, batch, str(passes), str(steps)])


def described(name, runs):
    pairs = [rate(r, "pairs") for r in runs]
    tokens = statistics.median(rate(r, "tokens") for r in runs)
    return (
        f"{name:<15} {statistics.median(pairs):8.4f} pairs/s [{min(pairs):.4f}, {max(pairs):.4f}]"
        f"  {tokens:8.0f} tokens/s  peak {max(r['peak_gib'] for r in runs):.2f} GiB"
    )


def losses_apart(ours, theirs):
    return max(abs(a - b) for a, b in zip(ours["losses"], theirs["losses"]))


def summary(best, results):
    ours, theirs = ([r for r in results if r["trainer"] == t] for t in ("linvox", "trl"))
    ratios = [rate(a, "pairs") / rate(b, "pairs") for a, b in zip(ours, theirs)]
    memory = max(r["peak_gib"] for r in ours) / max(r["peak_gib"] for r in theirs)
    shares = [rate(r, "tflop") / r["peak_tflops"] for r in ours]
    yield described(f"linvox {ours[0]['precision']}", ours)
    yield described(f"trl {best}", theirs)
    yield (
        f"linvox / trl: {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] in pairs/s over "
        f"{len(ratios)} rounds, {memory:.2f} in memory; losses of the steps both made differ by at most "
        f"{losses_apart(ours[0], theirs[0]):.1e}"
    )
    yield (
        f"linvox's products run at {100 * statistics.median(shares):.0f} % of the peak of this machine in that "
        f"precision, {statistics.median(r['peak_tflops'] for r in ours):.2f} TFLOP/s"
    )


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("workload", choices=sorted(WORKLOADS))
    options.add_argument("--trl", nargs="+", help="settings tried in TRL, precision:pairs of a pass")
    options.add_argument("--pairs", type=int, help="pairs of a step in both")
    options.add_argument("--steps", type=int, default=4)
    options.add_argument("--trl-steps", type=int, help="fewer steps in TRL, where they take minutes")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--proof-steps", type=int, default=0)
    options.add_argument("--linvox", type=json.loads, help="settings of Linvox (bench/workload.h), as JSON")
    options.add_argument("--bench", type=pathlib.Path, help="a built linvox_bench (default: build one)")
    o = options.parse_args()
    settings = o.linvox if o.linvox is not None else WORKLOADS[o.workload]["linvox"]
    bench, trl_steps = Bench(o), o.trl_steps or o.steps
    folder = ROOT / "bench/results" / f"{datetime.date.today().isoformat()}-train-{o.workload}"
    folder.mkdir(parents=True, exist_ok=True)
    commit = output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    lines = [
        f"workload {o.workload}, {bench.pairs} pairs a step, {o.steps} steps ({trl_steps} in TRL), "
        f"Linvox {json.dumps(settings)}; " + ", ".join(PACKAGES),
        f"{processor()}, {os.cpu_count()} cores, commit {commit}",
    ]

    def say(line):
        lines.append(line)
        print(line, flush=True)
        (folder / "summary.txt").write_text("\n".join(lines) + "\n")

    raw = []

    def keep(result, **also):
        raw.append(result | also)
        (folder / "raw.jsonl").write_text("".join(json.dumps(r) + "\n" for r in raw))
        return result

    keep(bench.linvox(o.steps, **settings), use="order")
    tried = {s: keep(bench.trl(s, trl_steps), use="trial", setting=s) for s in o.trl or WORKLOADS[o.workload]["trl"]}
    for setting, result in tried.items():
        say("tried once: " + described(f"trl {setting}", [result]))
    best = max(tried, key=lambda s: rate(tried[s], "pairs"))
    results = []
    for _ in range(o.rounds):
        results.append(keep(bench.linvox(o.steps, **settings), use="round"))
        results.append(keep(bench.trl(best, trl_steps), use="round", setting=best))
        print(f"{rate(results[-2], 'pairs'):.4f} against {rate(results[-1], 'pairs'):.4f} pairs/s", flush=True)
    for line in summary(best, results):
        say(line)
    if o.proof_steps:
        ours = keep(bench.linvox(o.proof_steps, **settings | {"precision": "f32", "weights": "f32"}), use="proof")
        theirs = keep(bench.trl("f32:" + best.split(":")[1], o.proof_steps), use="proof")
        say(f"both in float32: losses of the first {o.proof_steps} steps differ by at most {losses_apart(ours, theirs):.1e}")


main()

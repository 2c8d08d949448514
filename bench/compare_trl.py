#!/usr/bin/env python3
"""Preference training in Linvox against TRL's DPOTrainer: same model, pairs, order, precision and machine.

    bench/compare_trl.py T [--precision f32 bf16] [--batch 16] [--accumulate 1] [--steps 6] [--rounds 5]
        [--linvox '{"moments": "8bit"}']

Builds linvox_bench, makes a private venv for TRL, runs both in turn and writes raw output and summary to
bench/results/<date>-train-<workload>/. The first step of a run warms up and is not counted.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ["torch==2.13.0", "trl==1.16.0", "transformers==4.57.1", "datasets<5", "accelerate==1.15.0"]


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


def run(command):
    text = output(*command, stderr=subprocess.DEVNULL)
    return json.loads(text.strip().splitlines()[-1])


def rate(result, key):
    return sum(result[key][1:]) / sum(result["seconds"][1:])


def summary(name, results):
    lines = []
    for trainer in ("linvox", "trl"):
        runs = [r for r in results if r["trainer"] == trainer]
        pairs = [rate(r, "pairs") for r in runs]
        lines.append(
            f"{name}  {trainer:<7} {statistics.median(pairs):8.3f} pairs/s "
            f"[{min(pairs):.3f}, {max(pairs):.3f}]  {statistics.median(rate(r, 'tokens') for r in runs):8.0f} tokens/s"
            f"  peak {max(r['peak_gib'] for r in runs):.2f} GiB"
        )
    shares = [rate(r, "tflop") / r["peak_tflops"] for r in results if r["trainer"] == "linvox"]
    ours = [rate(r, "pairs") for r in results if r["trainer"] == "linvox"]
    theirs = [rate(r, "pairs") for r in results if r["trainer"] == "trl"]
    ratios = [a / b for a, b in zip(ours, theirs)]
    first = {t: next(r["losses"] for r in results if r["trainer"] == t) for t in ("linvox", "trl")}
    gap = max(abs(a - b) for a, b in zip(first["linvox"][:10], first["trl"][:10]))
    lines.append(
        f"{name}  linvox / trl: {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}] in pairs/s over "
        f"{len(ratios)} rounds; losses of the first {min(10, len(first['trl']))} steps differ by at most {gap:.1e}"
    )
    lines.append(f"{name}  linvox's products run at {100 * statistics.median(shares):.0f} % of the machine's peak")
    return lines


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("workload", choices=["T", "V", "C"])
    options.add_argument("--precision", nargs="+", default=["f32", "bf16"], choices=["f32", "bf16"])
    options.add_argument("--batch", type=int, default=16, help="pairs of a forward pass in TRL")
    options.add_argument("--accumulate", type=int, default=1, help="passes of a step in TRL; Linvox makes equal steps")
    options.add_argument("--steps", type=int, default=6)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--linvox", type=json.loads, default={}, help="settings of Linvox (bench/workload.h), as JSON")
    options.add_argument("--bench", type=pathlib.Path, help="a built linvox_bench (default: build one)")
    o = options.parse_args()
    bench = o.bench
    if bench is None:
        output(str(ROOT / "scripts/build.sh"), "linvox_bench")
        bench = ROOT / "build/linvox_bench"
    python = trl_python()
    date = datetime.date.today().isoformat()
    results_dir = ROOT / "bench/results" / f"{date}-train-{o.workload}"
    results_dir.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"linvox-workload-{o.workload}"
    step_pairs = o.batch * o.accumulate
    output(str(bench), "workload", o.workload, str(o.steps * step_pairs), str(work))
    lines = [
        f"workload {o.workload}, {step_pairs} pairs a step, {o.steps} steps, TRL {o.batch} pairs a pass, "
        f"Linvox {json.dumps(o.linvox)}; "
        + ", ".join(PACKAGES),
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, commit "
        + output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip(),
    ]
    for precision in o.precision:
        results = []
        for _ in range(o.rounds):
            settings = {"precision": precision, "batch_pairs": step_pairs, "steps": o.steps, **o.linvox}
            results.append(run([str(bench), "train", str(work), json.dumps(settings)]))
            results.append(
                run([python, str(ROOT / "bench/trl_train.py"), str(work), precision, str(o.batch), str(o.accumulate)])
            )
            print(f"{precision}: {rate(results[-2], 'pairs'):.3f} against {rate(results[-1], 'pairs'):.3f} pairs/s")
        lines += summary(precision, results)
        (results_dir / f"{precision}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in results))
    (results_dir / "summary.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


main()

#!/usr/bin/env python3
"""Preference training in Linvox against TRL's DPOTrainer: same model, pairs, order and machine.

    bench/compare_trl.py T|T2|T4|V|C [--gpu] [--trl bf16:16 bf16:4 f32:16] [--steps 4] [--rounds 5]
        [--linvox '{"precision": "f32"}'] [--proof-steps 10]
        [--bench build/linvox_bench] [--python PATH] [--out DIR] [--commit ID]

Builds linvox_bench and makes a private venv for TRL, unless --bench and --python name them. TRL's settings
(precision:pairs of a forward pass, then any of :liger and :ckpt, see trl_train.py) are tried once each; one that
fails, out of memory say, is noted and passed over. The fastest then runs against Linvox in turn. Both make steps of
the same pairs. The first step of a run warms up and is not counted; of a run of one step, the first pass of it.
--proof-steps runs both in float32 and compares the losses step by step: the same work is done. --gpu runs both on
the GPU, with steps of more pairs; peaks are then of GPU memory. Without it both run on the CPU. Raw output and
summary go to bench/results/<date>-train-<workload>[-gpu]/, or to --out.
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
# The same on a GPU of 80 GB or more; Linvox's passes so large that they take less than half of TRL's memory.
NARROW = {"moments": "8bit", "weights": "bf16"}
WORKLOADS_GPU = {
    "T": {"trl": ["bf16:64", "bf16:256", "bf16:256:liger"], "pairs": 256, "linvox": {"token_budget": 65536}},
    "T2": {"trl": ["bf16:32", "bf16:128", "bf16:128:liger"], "pairs": 128, "linvox": {"token_budget": 65536}},
    "T4": {"trl": ["bf16:16", "bf16:64", "bf16:64:liger"], "pairs": 64, "linvox": {"token_budget": 65536}},
    "V": {"trl": ["bf16:8", "bf16:16", "bf16:16:liger"], "pairs": 32, "linvox": NARROW | {"token_budget": 10240}},
    "C": {"trl": ["bf16:24", "bf16:24:liger"], "pairs": 48, "linvox": NARROW | {"token_budget": 16384}},
}


class Failed(Exception):
    """A run that ended with an error: the reason in a few words, and its last lines."""

    def __init__(self, status, stderr):
        self.lines = stderr.strip().splitlines()[-12:]
        self.reason = self.lines[-1][:120] if self.lines else f"exit status {status}"
        if "out of memory" in stderr.lower() or "OutOfMemoryError" in stderr:
            self.reason = "out of memory"
        elif status == -9:
            self.reason = "killed, as for want of memory"
        super().__init__("\n".join(self.lines) or self.reason)


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


def commit_of_checkout():
    try:
        return output("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD", stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def run(command, **kwargs):
    """The JSON object on the last line that the command prints."""
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if done.returncode:
        raise Failed(done.returncode, done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def rate(result, key):
    """Per second, without what warms up."""
    if len(result["seconds"]) > 1:
        return sum(result[key][1:]) / sum(result["seconds"][1:])
    passes = result["pass_seconds"]
    return result[key][0] * (len(passes) - 1) / len(passes) / sum(passes[1:])


class Bench:
    def __init__(self, options):
        self.gpu = options.gpu
        self.defaults = (WORKLOADS_GPU if options.gpu else WORKLOADS)[options.workload]
        self.pairs = options.pairs or self.defaults["pairs"]
        self.settings = self.defaults["linvox"] if options.linvox is None else options.linvox
        if options.gpu:
            self.settings = {"device": "cuda"} | self.settings
        self.program = options.bench
        if self.program is None:
            output(str(ROOT / "scripts/build.sh"), "linvox_bench", stderr=subprocess.DEVNULL)
            self.program = ROOT / "build/linvox_bench"
        self.python = options.python or trl_python()
        self.work = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"linvox-workload-{options.workload}"
        steps = max(options.steps, options.proof_steps)
        output(str(self.program), "workload", options.workload, str(steps * self.pairs), str(self.work))

    def linvox(self, steps, **changed):
        settings = {"precision": "auto", "batch_pairs": self.pairs, "steps": steps} | self.settings | changed
        return self.run([str(self.program), "train", str(self.work), json.dumps(settings)])

    def trl(self, setting, steps):
        """The first `steps` steps of the order that Linvox used last."""
        precision, batch, *also = setting.split(":")
        passes = self.pairs // int(batch)
        script = str(ROOT / "bench/trl_train.py")
        return self.run([self.python, script, str(self.work), precision, batch, str(passes), str(steps), *also])

    def run(self, command):
        hidden = {} if self.gpu else {"CUDA_VISIBLE_DEVICES": ""}
        return run(command, env=os.environ | hidden)


class Report:
    """raw.jsonl and summary.txt of a folder, written again with every run and line."""

    def __init__(self, folder, heading, commit):
        self.folder, self.heading, self.commit = folder, heading, commit
        self.raw, self.lines = [], []
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, result, **also):
        self.raw.append(result | also)
        (self.folder / "raw.jsonl").write_text("".join(json.dumps(r) + "\n" for r in self.raw))
        return result

    def say(self, line):
        self.lines.append(line)
        print(line, flush=True)
        text = "\n".join([self.heading, self.machine(), *self.lines])
        (self.folder / "summary.txt").write_text(text + "\n")

    def machine(self):
        """Where the runs so far were made, and with which TRL."""
        devices = sorted({r["device"] for r in self.raw if r.get("device", "cpu") != "cpu"})
        versions = {f"{name} {version}": None for r in self.raw for name, version in r.get("versions", {}).items()}
        machine = [*devices, processor(), f"{os.cpu_count()} cores", f"commit {self.commit}"]
        return ", ".join([*machine, *versions])


def tried_settings(bench, report, settings, steps):
    """The result of each setting of TRL that ran."""
    tried = {}
    for setting in settings:
        also = {"use": "trial", "setting": setting}
        try:
            tried[setting] = report.keep(bench.trl(setting, steps), **also)
            report.say("tried once: " + described(f"trl {setting}", [tried[setting]]))
        except Failed as error:
            report.keep({"trainer": "trl", "failed": error.reason, "stderr": error.lines}, **also)
            report.say(f"trl {setting}: failed ({error.reason})")
    return tried


def described(name, runs):
    pairs = [rate(r, "pairs") for r in runs]
    tokens = statistics.median(rate(r, "tokens") for r in runs)
    return (
        f"{name:<21} {statistics.median(pairs):8.4f} pairs/s [{min(pairs):.4f}, {max(pairs):.4f}]"
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


def parsed_options():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("workload", choices=sorted(WORKLOADS))
    options.add_argument("--gpu", action="store_true", help="both on the GPU")
    options.add_argument("--trl", nargs="+", help="settings tried in TRL, precision:pairs of a pass[:liger][:ckpt]")
    options.add_argument("--pairs", type=int, help="pairs of a step in both")
    options.add_argument("--steps", type=int, help="steps of a run (default: 4, 6 on a GPU)")
    options.add_argument("--trl-steps", type=int, help="fewer steps in TRL, where they take minutes")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--proof-steps", type=int, default=0)
    options.add_argument("--linvox", type=json.loads, help="settings of Linvox (bench/workload.h), as JSON")
    options.add_argument("--bench", type=pathlib.Path, help="a built linvox_bench (default: build one)")
    options.add_argument("--python", help="a Python that has TRL (default: one is made)")
    options.add_argument("--out", type=pathlib.Path, help="folder of the results")
    options.add_argument("--commit", help="the commit named in the summary (default: the one checked out)")
    o = options.parse_args()
    o.steps = o.steps or (6 if o.gpu else 4)
    o.trl_steps = o.trl_steps or o.steps
    o.commit = o.commit or commit_of_checkout()
    if o.out is None:
        name = f"{datetime.date.today().isoformat()}-train-{o.workload}" + "-gpu" * o.gpu
        o.out = ROOT / "bench/results" / name
    return o


def compare(o):
    bench = Bench(o)
    heading = (
        f"workload {o.workload}, {bench.pairs} pairs a step, {o.steps} steps ({o.trl_steps} in TRL), "
        f"Linvox {json.dumps(bench.settings)}"
    )
    report = Report(o.out, heading, o.commit)
    keep = report.keep
    first = keep(bench.linvox(o.steps), use="order")
    print(described(f"linvox {first['precision']}", [first]), flush=True)
    tried = tried_settings(bench, report, o.trl or bench.defaults["trl"], o.trl_steps)
    if not tried:
        sys.exit("no setting of TRL ran")
    best = max(tried, key=lambda s: rate(tried[s], "pairs"))
    results = []
    for _ in range(o.rounds):
        results.append(keep(bench.linvox(o.steps), use="round"))
        results.append(keep(bench.trl(best, o.trl_steps), use="round", setting=best))
        print(f"{rate(results[-2], 'pairs'):.4f} against {rate(results[-1], 'pairs'):.4f} pairs/s", flush=True)
    for line in summary(best, results) if results else []:
        report.say(line)
    if o.proof_steps:
        ours = keep(bench.linvox(o.proof_steps, precision="f32", weights="f32"), use="proof")
        theirs = keep(bench.trl("f32:" + best.split(":")[1], o.proof_steps), use="proof")
        apart = losses_apart(ours, theirs)
        report.say(f"both in float32: losses of the first {o.proof_steps} steps differ by at most {apart:.1e}")


def main():
    try:
        compare(parsed_options())
    except Failed as error:
        sys.exit(str(error))


main()

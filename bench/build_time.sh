#!/bin/sh
# Times a clean release build of the program, as scripts/build.sh makes it, in a copy of the committed tree, and
# keeps the answer in bench/results/<date>-build.txt. Set-up (packages, LibTorch) must be done: run ./quickstart.sh
# once before.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git clone -q "$root" "$copy/linvox"
start=$(date +%s)
"$copy/linvox/scripts/build.sh" linvox
seconds=$(($(date +%s) - start))
line="clean release build of linvox: $seconds s on $(nproc) cores; commit $(git -C "$root" rev-parse --short HEAD), $(c++ --version | head -1)"
echo "$line" | tee "$root/bench/results/$(date +%F)-build.txt"

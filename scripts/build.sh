#!/usr/bin/env bash
# Sets the machine up, configures and builds: scripts/build.sh [TARGET...] (default: everything).
#
#   LINVOX_BUILD   build folder (default: build)
#   LINVOX_JOBS    compilers at a time (default: the cores, but no more than 1 GiB of memory each)
#   LINVOX_STRICT  ON makes warnings errors
#   LINVOX_UNITY   OFF compiles every source alone: twice the work of a clean build, less of a small change
#   LINVOX_PCH     OFF leaves the headers of the tests uncompiled
# and what scripts/setup.sh reads.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
build=${LINVOX_BUILD:-build}
memory_gib=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
jobs=$(nproc)
[ "$memory_gib" -ge "$jobs" ] || jobs=$((memory_gib > 1 ? memory_gib : 1))
jobs=${LINVOX_JOBS:-$jobs}

torch=$(scripts/find_torch.sh)
settings=("-DLINVOX_TORCH=$torch")
# An existing folder keeps what it was made with.
[ -f "$build/CMakeCache.txt" ] ||
    settings+=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DLINVOX_UNITY=ON -DLINVOX_PCH=ON)
for option in LINVOX_STRICT LINVOX_UNITY LINVOX_PCH; do
    [ -z "${!option:-}" ] || settings+=("-D$option=${!option}")
done
echo "build: configuring $build/"
cmake -S . -B "$build" "${settings[@]}" >"$build.log" 2>&1 || { cat "$build.log" >&2 && exit 1; }
rm -f "$build.log"
echo "build: compiling ${*:-everything} with $jobs jobs"
SECONDS=0
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
cmake --build "$build" --parallel "$jobs" "${targets[@]}"
echo "build: done in $SECONDS s"

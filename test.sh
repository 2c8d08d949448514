#!/usr/bin/env bash
# Installs what is missing, builds everything and runs the tests. Arguments go to ctest:
#   ./test.sh -R structure
# Environment: LINVOX_BUILD, LINVOX_JOBS, LINVOX_STRICT, LINVOX_TORCH, LINVOX_TORCH_INDEX, as in
# scripts/build.sh and scripts/setup.sh.
set -euo pipefail
cd "$(dirname "$0")"

scripts/build.sh
exec ctest --test-dir "${LINVOX_BUILD:-build}" --output-on-failure "$@"

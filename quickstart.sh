#!/usr/bin/env bash
# From a fresh machine to an aligned voice: installs what is missing, builds Linvox, runs the TTS
# recipe on the speech in samples/, and ends with a table and the path of an HTML report.
# Safe to run again: finished stages are skipped.
#
#   ./quickstart.sh                    the whole recipe
#   ./quickstart.sh --profile tiny     every stage, in a minute; the voice is not worth a listen
#   ./quickstart.sh --set sft.steps=500 --from sft
#
# All arguments go to `linvox run`. Environment:
#   LINVOX_RECIPE       the recipe (default: recipes/tts/lpo.toml)
#   LINVOX_BUILD        build folder (default: build)
#   LINVOX_JOBS         compilers at a time
#   LINVOX_TORCH        folder of a LibTorch 2.7 or newer to use
#   LINVOX_TORCH_INDEX  package index to install torch from
set -euo pipefail
cd "$(dirname "$0")"

scripts/build.sh linvox
exec "${LINVOX_BUILD:-build}/linvox" run "${LINVOX_RECIPE:-recipes/tts/lpo.toml}" "$@"

#!/usr/bin/env bash
# Prints the folder of a usable LibTorch (it holds include/ and lib/), or fails with one line.
# Looks at $LINVOX_TORCH, then at the torch that python3 would import, then at Linvox's own.
set -euo pipefail

# Not a Windows or macOS build, 2.7 or newer, with the std::string of C++11.
usable() {
    local folder=$1 header major minor
    for header in torch/headeronly/version.h torch/csrc/api/include/torch/version.h; do
        header=$folder/include/$header
        [ -f "$header" ] || continue
        major=$(sed -n 's/^#define TORCH_VERSION_MAJOR \([0-9]*\).*/\1/p' "$header")
        minor=$(sed -n 's/^#define TORCH_VERSION_MINOR \([0-9]*\).*/\1/p' "$header")
        [ -n "$major" ] && [ -n "$minor" ] || continue
        [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 7 ]; } || return 1
        [ -f "$folder/lib/libtorch_cpu.so" ] && grep -q __cxx1112basic_string "$folder/lib/libc10.so"
        return
    done
    return 1
}

if [ -n "${LINVOX_TORCH:-}" ]; then
    usable "$LINVOX_TORCH" && echo "$LINVOX_TORCH" && exit
    echo "LINVOX_TORCH=$LINVOX_TORCH is no LibTorch 2.7 or newer with the C++11 string ABI; set another folder, or unset it" >&2
    exit 2
fi

# find_spec tells the place without the seconds that an import takes.
imported=$(python3 -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")' 2>/dev/null || true)
if [ -n "$imported" ] && usable "$imported"; then
    echo "$imported"
    exit
fi

cache=${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}
for folder in "$cache"/linvox/venv/lib/python3*/site-packages/torch; do
    # pip writes RECORD last: without it the installation was cut short.
    if compgen -G "${folder%/torch}/torch-*.dist-info/RECORD" >/dev/null && usable "$folder"; then
        echo "$folder"
        exit
    fi
done
echo "no LibTorch 2.7 or newer found; run scripts/setup.sh" >&2
exit 1

#!/usr/bin/env bash
# Installs what Linvox needs to build and run, and nothing that is there already.
# Debian 12 and 13, Ubuntu 24.04. Safe to run again: that takes seconds.
#
#   LINVOX_TORCH        folder of a LibTorch 2.7 or newer to use (include/ and lib/ in it)
#   LINVOX_TORCH_INDEX  package index to install torch from, for example a mirror
#   XDG_CACHE_HOME      Linvox's own torch goes to linvox/venv in it (default: ~/.cache)
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.13.0
cpu_index=https://download.pytorch.org/whl/cpu
cache=${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}/linvox

say() { echo "setup: $*"; }
die() {
    echo "setup: $*" >&2
    exit 1
}

libraries=(libsndfile1-dev libfftw3-dev libsoxr-dev libebur128-dev libpocketsphinx-dev pocketsphinx-en-us
    libsentencepiece-dev libpcre2-dev libutf8proc-dev libssl-dev libfmt-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev
    libgtest-dev libgmock-dev)

# Prints the Debian packages that are missing. Programs count wherever they come from.
missing_packages() {
    command -v g++ >/dev/null || echo build-essential
    command -v cmake >/dev/null || echo cmake
    command -v ninja >/dev/null || echo ninja-build
    command -v pkg-config >/dev/null || echo pkg-config
    command -v git >/dev/null || echo git
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    local package
    for package in "${libraries[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "no dpkg here: install the equivalents of ${libraries[*]} yourself; CMake names what it misses"
        return
    fi
    local missing root=()
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -eq 0 ]; then
        say "all packages are installed"
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "not root and no sudo; as root, run: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say "installing packages: ${missing[*]}"
    "${root[@]}" apt-get -qq update || say "apt-get update failed; trying with the lists that are there"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${missing[@]}" >"$log" 2>&1 ||
        { cat "$log" >&2 && die "apt-get install failed"; }
    say "packages installed"
}

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }

pip_install() { "$cache/venv/bin/python" -m pip install --disable-pip-version-check --no-input -q "$@"; }

# The plain name on PyPI is the CUDA build on x86-64: gigabytes that a machine without a GPU cannot
# use. The CPU build is told apart by its version: 2.13.0+cpu.
install_torch() {
    say "installing torch $torch_version into $cache/venv"
    if ! "$cache/venv/bin/python" -m pip --version >/dev/null 2>&1; then
        python3 -m venv --clear "$cache/venv"
    fi
    if [ -n "${LINVOX_TORCH_INDEX:-}" ]; then
        if has_gpu; then
            pip_install --index-url "$LINVOX_TORCH_INDEX" "torch==$torch_version"
        else
            pip_install --no-deps --index-url "$LINVOX_TORCH_INDEX" "torch==$torch_version"
        fi
    elif has_gpu; then
        pip_install "torch==$torch_version"
    elif pip_install --no-deps "torch==$torch_version+cpu" 2>"$log"; then
        say "the CPU build came from pip's configured sources"
    elif pip_install --no-deps --timeout 10 --retries 1 --index-url "$cpu_index" "torch==$torch_version+cpu" 2>>"$log"; then
        say "the CPU build came from $cpu_index"
    else
        tail -n 3 "$log" >&2
        say "no CPU build to be had; installing the general one, which brings gigabytes on x86-64"
        say "(LINVOX_TORCH_INDEX=URL names an index that has the CPU build)"
        pip_install "torch==$torch_version"
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_packages
if [ -z "${LINVOX_TORCH:-}" ] && ! scripts/find_torch.sh >/dev/null 2>&1; then
    mkdir -p "$cache"
    exec 9>"$cache/lock"  # two set-ups at once would write into the same folder
    flock 9
    scripts/find_torch.sh >/dev/null 2>&1 || install_torch
fi
torch=$(scripts/find_torch.sh)
say "LibTorch: $torch"

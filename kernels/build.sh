#!/usr/bin/env bash
# build.sh OUTDIR: builds the device libraries there: librondo_cpu.so by gcc, librondo_emulated.so by g++ and librondo_cuda.so by
# nvcc. What has no compiler is left out with a line, and the engine runs on what remains, at least its plain Java device.
# RONDO_KERNELS=cpu builds the first alone, RONDO_KERNELS=release the last for every architecture and with PTX. Quiet when nothing
# changed.
set -euo pipefail
if [ $# -ne 1 ]; then
    echo "usage: build.sh OUTDIR" >&2
    exit 2
fi
here="$(cd "$(dirname "$0")" && pwd)"
if ! command -v make >/dev/null || ! command -v gcc >/dev/null; then
    echo "kernels: no gcc or make: no library is built, the plain device remains"
    exit 0
fi
mkdir -p "$1"
out="$(cd "$1" && pwd)"

release=""
[ "${RONDO_KERNELS:-all}" != release ] || release=1

build() { # TARGET LIBRARY
    local before
    before="$(stat -c %Y.%i "$out/$2" 2>/dev/null || true)"
    make --no-print-directory -s -j "$(nproc)" -C "$here" OUT="$out" RELEASE="$release" "$1"
    [ "$before" = "$(stat -c %Y.%i "$out/$2")" ] || echo "kernels: built $out/$2"
}

build all librondo_cpu.so
[ "${RONDO_KERNELS:-all}" != cpu ] || exit 0
if command -v g++ >/dev/null; then build emulated librondo_emulated.so
else echo "kernels: no g++: no emulator of the GPU"; fi
if command -v nvcc >/dev/null; then build cuda librondo_cuda.so
else echo "kernels: no nvcc: no library for GPUs"; fi

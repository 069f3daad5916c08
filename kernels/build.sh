#!/usr/bin/env bash
# build.sh OUTDIR: builds librondo_cpu.so there. Without a compiler it says so and leaves nothing: the engine
# then runs on its plain Java device. Quiet when nothing changed.
set -euo pipefail
if [ $# -ne 1 ]; then
    echo "usage: build.sh OUTDIR" >&2
    exit 2
fi
here="$(cd "$(dirname "$0")" && pwd)"
if ! command -v make >/dev/null || ! command -v gcc >/dev/null; then
    echo "kernels: no gcc or make: librondo_cpu.so is not built, the plain device remains"
    exit 0
fi
mkdir -p "$1"
out="$(cd "$1" && pwd)"
library="$out/librondo_cpu.so"
before="$(stat -c %Y.%i "$library" 2>/dev/null || true)"
make --no-print-directory -s -j "$(nproc)" -C "$here" OUT="$out" all
if [ "$before" != "$(stat -c %Y.%i "$library")" ]; then
    echo "kernels: built $library"
fi

#!/usr/bin/env bash
# The main job on a bare machine: builds once, then trains a small base, retrofits it, heals it and
# shows loss over depth; then replays one run of the depth study. Options are those of
# `rondo quickstart --help`: --full (about an hour), --text FILE, --out DIR, --seed N.
set -euo pipefail
cd "$(dirname "$0")/.."
exec ./rondo quickstart "$@"

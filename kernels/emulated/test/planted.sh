#!/usr/bin/env bash
# planted.sh KIND COMMAND…: runs every case of planted.cu in ten random orders and both fixed ones. KIND is plain, address or thread:
# how the command's program was built. Correct kernels must pass, planted mistakes be caught, every time.
set -euo pipefail
kind=$1 failed=0
shift
while read -r name caught; do
    noticed=0 unnoticed=0 text=""
    for order in forward reverse 1 2 3 4 5 6 7 8 9 10; do
        if text=$(RONDO_EMULATED_ORDER=$order "$@" "$name" 2>&1); then
            unnoticed=$((unnoticed + 1))
        else
            noticed=$((noticed + 1))
        fi
    done
    case "$caught" in
        never) [ $noticed = 0 ] || failed=1 ;;
        always) [ $unnoticed = 0 ] || failed=1 ;;
        *) [ "$caught" != "$kind" ] || [ $unnoticed = 0 ] || failed=1 ;;
    esac
    printf '  %-24s noticed in %2d of 12 orders\n' "$name" $noticed
done < <("$@" --list)
[ $failed = 0 ] || { echo "planted mistakes ($kind): not as expected" >&2; exit 1; }

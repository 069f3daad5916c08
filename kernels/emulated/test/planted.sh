#!/usr/bin/env bash
# planted.sh PROGRAM KIND: runs every case of planted.cu in ten random orders and both fixed ones. KIND is plain, address or thread:
# how PROGRAM was built. Correct kernels must pass, planted mistakes be caught, every time.
set -euo pipefail
program=$1 kind=$2 failed=0
run=()
[ "$kind" = thread ] && run=(setarch -R)
while read -r name caught; do
    noticed=0 unnoticed=0 text=""
    for order in forward reverse 1 2 3 4 5 6 7 8 9 10; do
        if text=$(RONDO_EMULATED_ORDER=$order "${run[@]}" "$program" "$name" 2>&1); then
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
done < <("${run[@]}" "$program" --list)
[ $failed = 0 ] || { echo "planted mistakes ($kind): not as expected" >&2; exit 1; }

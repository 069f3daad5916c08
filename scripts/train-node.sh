#!/usr/bin/env bash
# Trains on this machine until the recipe is done, through failures that another start mends:
#
#   scripts/train-node.sh RECIPE [KEY.PATH=VALUE …]
#
# First says which device there is; then trains, with a line a minute on standard error. A run that fails after new steps
# is started again from its newest checkpoint; one that fails twice without any is given up, and so is a wrong call. ctrl-C and
# TERM end the step, write a checkpoint and end this, too; the same command goes on. To leave it running: nohup … >run.log 2>&1 &
# RONDO names the program (./rondo, or bin/rondo in an unpacked bundle), RONDO_DEVICE the device (cuda).
set -uo pipefail
[ $# -gt 0 ] || { echo "usage: scripts/train-node.sh RECIPE [KEY.PATH=VALUE …]" >&2; exit 2; }
rondo=${RONDO:-}
for candidate in ./rondo ./bin/rondo; do
    if [ -z "$rondo" ] && [ -x "$candidate" ]; then rondo=$candidate; fi
done
[ -n "$rondo" ] || { echo "train-node: no ./rondo and no ./bin/rondo in $PWD; start it there, or set RONDO" >&2; exit 2; }
"$rondo" devices >&2 || exit

child=""
ending=no
pass_on() {
    ending=yes
    if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; fi
}
trap pass_on INT TERM

# The step that a start goes on from tells whether the one before it got anywhere.
reached=-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/errors"
while true; do
    (trap '' INT && exec tee "$work/log") <"$work/errors" >&2 &
    tee=$!
    "$rondo" train "$@" --device "${RONDO_DEVICE:-cuda}" 2>"$work/errors" &
    child=$!
    wait "$child"
    status=$?
    while kill -0 "$child" 2>/dev/null; do # a trapped signal ends wait, not the child
        wait "$child"
        status=$?
    done
    wait "$tee"
    if [ $ending = yes ]; then exit $status; fi
    case $status in 0 | 2 | 3) exit $status ;; esac # done, a wrong call, ended as asked
    from=$(sed -n 's/^from step \([0-9,]*\) to .*/\1/p' "$work/log" | tr -d , | tail -1)
    if [ -z "$from" ] || [ "$from" -le "$reached" ]; then
        echo "train-node: no new checkpoint in that start: given up" >&2
        exit $status
    fi
    reached=$from
    echo "train-node: failed with $status; starting again" >&2
    sleep "${RONDO_PAUSE:-10}"
done

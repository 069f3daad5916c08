#!/usr/bin/env bash
#SBATCH --job-name=rondo
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=12:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
# Trains on one GPU under Slurm until the recipe is done, however often the job's time runs out or it is preempted:
#
#   sbatch [--time=… --partition=…] scripts/train-slurm.sh RECIPE [KEY.PATH=VALUE …]
#
# Five minutes before the end Slurm sends USR1 (TERM where it preempts); the run ends its step, writes a checkpoint, and the
# job goes back into the queue, from where the same command goes on to the same bits. Submit it in the project's folder or in that of an
# unpacked bundle, which needs no Java on the node (scripts/bundle.sh), or set RONDO to the program's path.
set -uo pipefail
[ $# -gt 0 ] || { echo "usage: sbatch scripts/train-slurm.sh RECIPE [KEY.PATH=VALUE …]" >&2; exit 2; }

# Slurm runs a copy of this file from a folder of its own: the program is looked for where the job was submitted.
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
rondo=${RONDO:-}
for candidate in ./rondo ./bin/rondo; do
    if [ -z "$rondo" ] && [ -x "$candidate" ]; then rondo=$candidate; fi
done
[ -n "$rondo" ] || { echo "train-slurm: no ./rondo and no ./bin/rondo in $PWD; submit there, or set RONDO" >&2; exit 2; }

signalled=no
pass_on() {
    signalled=yes
    echo "train-slurm: $1 at $(date -u +%FT%TZ): ending the step, then back into the queue"
    kill -TERM "$child" 2>/dev/null
}
echo "train-slurm: job ${SLURM_JOB_ID:-none}, start ${SLURM_RESTART_COUNT:-0} on $(hostname), $(date -u +%FT%TZ)"
"$rondo" train "$@" --device "${RONDO_DEVICE:-cuda}" &
child=$!
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM
wait "$child"
status=$?
while kill -0 "$child" 2>/dev/null; do # a trapped signal ends wait, not the child
    wait "$child"
    status=$?
done

if [ $signalled = yes ] || [ $status = 3 ]; then # 3: ended as asked, by a signal or --stop-after
    scontrol requeue "$SLURM_JOB_ID"
    exit
fi
exit $status

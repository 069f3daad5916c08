#!/usr/bin/env bash
# The training step on Rondo, libtorch and PyTorch by turns, since a machine's speed drifts:
#   bench/peers/compare.sh THREADS TURNS OUT_FOLDER [PYTHON]
# after: mvn package -Ppeers -pl bench/peers -am -DskipTests; PYTHON is one with torch. Writes a JSON file for each turn.
# JAVA names the program of a Java 25.
set -euo pipefail
threads=${1:-2} turns=${2:-3} out=${3:-bench-steps} python=${4:-python3}
cd "$(dirname "$0")"
mkdir -p "$out"
for turn in $(seq "$turns"); do
  "${JAVA:-java}" --enable-native-access=ALL-UNNAMED -cp "target/classes:target/lib/*" rondo.bench.peers.Main \
    --parts steps --threads "$threads" --rounds 7 --seconds 0.1 --out "$out/rondo-$turn" --date "$(date -u +%FT%TZ)" \
    --commit "$(git describe --always --dirty)" | grep '^|'
  "$python" train_step.py --threads "$threads" --rounds 7 2>/dev/null | tee "$out/pytorch-$turn.jsonl" | cut -d, -f1-5
  "$python" train_step.py --threads "$threads" --rounds 7 --tied --batch 8 --frozen 4 2>/dev/null |
    tee "$out/pytorch-tied-$turn.jsonl" | cut -d, -f1-5
done

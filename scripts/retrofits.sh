#!/usr/bin/env bash
# Retrofits of small real models, compared: the base's loss, the untrained retrofit, retrofits healed with a linear, a 1-sqrt
# and no curriculum, with AdamW in Muon's place, and beside the base as a teacher, and the fixed-depth base trained on for
# equal FLOPs, each over r = 1 to 32.
#
#   scripts/retrofits.sh [tiny|small|large|all] [--models DIR] [--texts DIR] [--out DIR]
#
# tiny and small: stories260K and babyllama361, published Llamas of five layers, cut into 0 / 2-3 / 4. large: a base of twelve
# layers that is first trained here, cut into 0-2 / 5-8 / 9-11. Without options models and texts (TinyStories) come from
# ../shared; they are only read. The same command goes on after an interruption.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/measures.sh

fail() {
    echo "retrofits: $2" >&2
    exit "$1"
}

which=all
case ${1:-} in tiny | small | large | all)
    which=$1
    shift
    ;;
esac
models=../shared/models
texts=../shared/data/text
out=runs/retrofits
while [ $# -gt 0 ]; do
    case $1 in
        --models | --texts | --out)
            [ $# -gt 1 ] || fail 2 "$1: its value is missing"
            declare "${1#--}=$2"
            shift 2
            ;;
        *) fail 2 "unknown argument $1; expected tiny, small, large, all, --models, --texts or --out" ;;
    esac
done
for model in stories260K-hf babyllama361-hf; do
    [ -d "$models/$model" ] || fail 2 "$models/$model: no such folder, expected a Llama of five layers; name its parent with --models"
done
for file in train_sample_944k.txt v2_sample_10k_lines.txt valid_sample_794k.txt; do
    [ -e "$texts/$file" ] || fail 2 "$texts/$file: no such file, expected TinyStories; name their folder with --texts"
done
data="data.train=[{path: '$texts/train_sample_944k.txt', weight: 2}, {path: '$texts/v2_sample_10k_lines.txt', weight: 3}]"

train() { # recipe model out steps [KEY=VALUE …]
    ./rondo train "scripts/recipes/study/$1.yaml" "model=$2" "out=$3" "steps=$4" "$data" "${@:5}" >/dev/null
}

compare() { # folder, base, its layers as prelude core coda, steps
    local here=$1 base=$2 steps=$6 flops two more
    if [ ! -e "$here/retrofit/config.json" ]; then
        ./rondo retrofit --model "$base" --prelude "$3" --core "$4" --coda "$5" --adapter kaiming --seed 1 --out "$here/retrofit" >&2
    fi
    local fresh=$here/retrofit
    train heal "$fresh" "$here/1-sqrt" "$steps"
    train heal "$fresh" "$here/linear" "$steps" depth.curriculum.curve=linear
    train heal "$fresh" "$here/none" "$steps" depth.curriculum.curve=none
    train heal "$fresh" "$here/adamw" "$steps" 'optimizer={name: adamw, lr: 0.002, eps: 1e-8, weight_decay: 0.01}'
    train heal "$fresh" "$here/distilled" "$steps" "distill={model: '$base', weight: 0.5, temperature: 1}"
    flops=$(flops "$here/1-sqrt")
    train heal "$base" "$here/probe" 2 # the fewest that warmup and decay fit into
    two=$(flops "$here/probe")
    more=$(awk -v all="$flops" -v two="$two" 'BEGIN { printf "%.0f", 2 * all / two }')
    echo "retrofits: healing took $flops FLOPs: the base gets $more steps for as many" >&2
    # What a retrofit needs would undo a trained base: a tenth of its learning rates.
    train heal "$base" "$here/continued" "$more" optimizer.lr=0.001 optimizer.adamw.lr=0.0002
    local measured=(--data "$texts/valid_sample_794k.txt" --sequence-length 256 --rows 256 --batch 16 --recurrences 1,2,4,8,16,32)
    local models=(--model "base=$base" --model "base, trained on=$here/continued" --model "healed, 1-sqrt=$here/1-sqrt"
        --model "healed, linear=$here/linear" --model "healed, no curriculum=$here/none" --model "healed, AdamW=$here/adamw"
        --model "healed, distilled=$here/distilled")
    ./rondo loss "${measured[@]}" "${models[@]}" --model "retrofit, untrained=$fresh" >"$here/table.txt"
    ./rondo loss "${measured[@]}" "${models[@]}" --plot "$here/loss.png" >/dev/null # without the one far above the others
    cat "$here/table.txt"
    ./rondo plot "1-sqrt=$here/1-sqrt" "linear=$here/linear" "no curriculum=$here/none" "AdamW=$here/adamw" \
        "distilled=$here/distilled" \
        --out "$here/runs.png" >&2
    for run in 1-sqrt linear none adamw distilled continued; do
        echo "FLOPs of $run: $(flops "$here/$run")"
    done
}

if [ $which = tiny ] || [ $which = all ]; then
    compare "$out/tiny" "$models/stories260K-hf" 0 2-3 4 200
fi
if [ $which = small ] || [ $which = all ]; then
    compare "$out/small" "$models/babyllama361-hf" 0 2-3 4 200
fi
if [ $which = large ] || [ $which = all ]; then
    train pretrain scripts/recipes/study/base "$out/large/base" 600 "data.tokenizer=$models/babyllama361-hf"
    compare "$out/large" "$out/large/base" 0-2 5-8 9-11 100
fi

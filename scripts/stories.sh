#!/usr/bin/env bash
# A real checkpoint, small: retrofits stories260K with the identity adapter, shows that this changes nothing at any
# recurrence, heals it, trains the base on for equal FLOPs, and prints the loss of all four over recurrences.
#
#   scripts/stories.sh [--model DIR] [--text FILE] [--validation FILE] [--out DIR]
#
# Without options it takes model and texts from ../shared. It reads them only, and writes to runs/stories260K. The same
# command goes on after an interruption; another --out starts afresh.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/measures.sh

fail() {
    echo "stories: $2" >&2
    exit "$1"
}

model=../shared/models/stories260K-hf
text=../shared/data/text/train_sample_944k.txt
validation=../shared/data/text/valid_sample_794k.txt
out=runs/stories260K
while [ $# -gt 0 ]; do
    case $1 in
        --model | --text | --validation | --out)
            [ $# -gt 1 ] || fail 2 "$1: its value is missing"
            declare "${1#--}=$2"
            shift 2
            ;;
        *) fail 2 "unknown option $1; expected --model, --text, --validation or --out" ;;
    esac
done
hint="the folder ../shared is no part of the project; name what to take with --model DIR --text FILE --validation FILE"
[ -d "$model" ] || fail 2 "$model: no such folder, expected a Llama of five layers: $hint"
for file in "$text" "$validation"; do
    [ -e "$file" ] || fail 2 "$file: no such file, expected text: $hint"
done

depths=1,2,4,8,16
mkdir -p "$out"

validated() { losses $depths "$1" "$validation" 256 128; }

# Fails unless every number of $2 is within 1e-5 of $1.
same() { # expected, actual, what
    awk -v want="$1" -v what="$3" '
        { d = $1 - want; if (d < 0) d = -d; if (d > most) most = d; n++ }
        END { printf "stories: %s: %.6f at all of %d depths, to within %.1e\n", what, want, n, most
              exit n == 0 || most > 1e-5 }' <<<"$2" >&2 || fail 1 "$3: expected $1, found $(echo $2)"
}

heal() { # model out steps
    ./rondo train scripts/recipes/stories260K.yaml "model=$1" "out=$2" "steps=$3" "data.train=[{path: '$text'}]" >/dev/null
}

if [ ! -e "$out/retrofit/config.json" ]; then
    ./rondo retrofit --model "$model" --prelude 0 --core 1-3 --coda 4 --adapter identity --out "$out/retrofit" >&2
fi

if [ -e "$model/oracle.json" ]; then
    # One row of ids with the mean loss that an independent float64 implementation gives.
    sed -E 's/.*"input_ids": (\[[^]]*\]).*/{"input_ids": \1}/' "$model/oracle.json" >"$out/oracle.jsonl"
    oracle=$(numbers mean_nll <"$model/oracle.json")
    length=$(tr -cd , <"$out/oracle.jsonl" | wc -c)
    same "$oracle" "$(losses $depths "$model" "$out/oracle.jsonl" "$length" 1)" "the base's loss is its oracle's"
    same "$oracle" "$(losses $depths "$out/retrofit" "$out/oracle.jsonl" "$length" 1)" "the untouched retrofit's is, too"
fi
base=$(validated "$model")
untouched=$(validated "$out/retrofit")
same "$base" "$untouched" "the untouched retrofit's loss on the validation text is the base's"

steps=120
heal "$out/retrofit" "$out/healed" $steps
heal "$model" "$out/probe" 2 # the fewest that warmup and decay fit into
more=$(awk -v all="$(flops "$out/healed")" -v two="$(flops "$out/probe")" 'BEGIN { printf "%.0f", 2 * all / two }')
echo "stories: healing took $(flops "$out/healed") FLOPs: the base gets $more steps for as many" >&2
heal "$model" "$out/continued" "$more"

healed=$(validated "$out/healed")
continued=$(validated "$out/continued")

row() { # name, losses
    printf '| %s |' "$1"
    awk '{ printf " %.4f |", $1; n++ } END { for (; n < 5; n++) printf " |"; print "" }' <<<"$2"
}
echo "| validation loss, nats per token | r = ${depths//,/ | } |"
echo "|---|---:|---:|---:|---:|---:|"
row "base, fixed depth" "$base"
row "base, trained on for $more steps" "$continued"
row "retrofit, untouched (identity adapter)" "$untouched"
row "retrofit, healed for $steps steps" "$healed"

# Helpers of the scripts that compare models by their losses; sourced, not run.

# The numbers under a key of a JSON document, one a line.
numbers() { grep -o "\"$1\" *: *[-+.0-9eE]*" | sed 's/.*: *//'; }

# The losses of a model, one for each of the depths, or a single one for a fixed-depth model.
losses() { # depths model data length rows
    local at=()
    grep -qs '"LlamaForCausalLM"' "$2/config.json" "$2"/step-*/config.json || at=(--recurrences "$1")
    ./rondo loss --model "$2" --data "$3" --sequence-length "$4" --rows "$5" "${at[@]}" --json | numbers loss
}

# The FLOPs that a run has spent, as its newest checkpoint counts them.
flops() { cat "$1"/step-*/checkpoint.json | numbers flops | tail -1; }

#!/usr/bin/env python3
"""Whether the published PyTorch code reads what `rondo export` writes, and computes the same logits.

    python3 scripts/check-export.py --model MODEL --code CODE

MODEL is a recurrent model as `rondo export` takes it; CODE a folder with raven_config_minimal.py and raven_modeling_minimal.py
of its kind, from Huginn's or the retrofits' repository. The model is exported in float32, in several shards, and loaded by
transformers' AutoModelForCausalLM. No tensor may be missing or unexpected, every key of config.json must have arrived, and the
logits of random tokens must be those of `rondo logits` on the same folder, from a random and from the all-zero state, at each
of --recurrences. Needs torch and transformers 4 (the published code is written for it). Seeds are fixed. Exit 1: they differ.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The published class drops the dtype again, and transformers makes ids of the classes' names.
NOT_KEPT = {"torch_dtype", "auto_map"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--rondo", default=str(ROOT / "rondo"))
    parser.add_argument("--recurrences", default="1,4,8")
    parser.add_argument("--tokens", type=int, default=200, help="of each of two rows, at most (default: 200)")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of |a - b| / |b| (default: 1e-5)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(1 if failures(args, pathlib.Path(scratch)) else 0)


def rondo(args, *words):
    done = subprocess.run([args.rondo, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())


def failures(args, scratch):
    folder = scratch / "export"
    weights = sum(f.stat().st_size for f in pathlib.Path(args.model).glob("*.safetensors"))
    most = max(1, weights // 3)
    rondo(args, "export", args.model, "--out", folder, "--code", args.code, "--dtype", "f32", "--max-shard-size", most)
    model, loaded = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=True, torch_dtype="auto", output_loading_info=True)
    model.eval()
    config = json.loads((folder / "config.json").read_text())
    failed = 0
    for what, names in loaded.items():
        if names:
            print(f"{what}: {names}")
            failed += 1
    for key, value in config.items():
        if key not in NOT_KEPT and getattr(model.config, key, None) != value:
            print(f"config.json {key}: {value} arrived as {getattr(model.config, key, None)}")
            failed += 1
    length = min(args.tokens, config["block_size"])
    torch.manual_seed(1)
    ids = torch.randint(0, config["vocab_size"], (2, length))
    given = torch.randn(2, length, config["n_embd"])
    save_file({"initial_state": given}, scratch / "given.safetensors")
    states = {"random": (given, scratch / "given.safetensors"), "zero": (torch.zeros_like(given), "zero")}
    rows = ";".join(",".join(map(str, row)) for row in ids.tolist())
    for r in map(int, args.recurrences.split(",")):
        for name, (state, start) in states.items():
            out = scratch / f"{name}-{r}.safetensors"
            rondo(args, "logits", "--model", folder, "--token-ids", rows, "--recurrences", r, "--initial-state", start,
                  "--device", "cpu", "--out", out)
            ours = load_file(out)["logits"].double()
            with torch.no_grad():
                theirs = model(ids, input_states=state, num_steps=r).logits.double()
            error = ((theirs - ours).norm() / ours.norm()).item()
            print(f"r = {r}, {name} state, 2 x {length} tokens: relative difference {error:.1e},"
                  f" largest {(theirs - ours).abs().max().item():.1e}")
            failed += not error <= args.tolerance
    print("differs" if failed else "the same")
    return failed


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What rondo.bench.gpu measures, in PyTorch, for comparison: one JSON document of the same scheme.

    python3 gpu_peers.py --out peers.json                          # everything, on a GPU
    python3 gpu_peers.py --parts kernels --presets huginn --out f  # some of it
    python3 gpu_peers.py --device cpu --tiny --out f               # the same code at toy size, anywhere

Parts: limits (device copy, one large product), kernels (attention by each backend, products, norms, SwiGLU, rotary, embedding,
loss, AdamW, Newton-Schulz; eager and compiled), decode-kernels, train (the step of a retrofitted model) and decode (one token
with static caches). Needs PyTorch 2.5 or later and nothing else.

How: every figure is the median of --rounds rounds, each timed by device events around as many repetitions as fill about
--seconds; before, it runs three times. Repetitions of small operations walk over copies of their operands of 256 MiB together,
so that no cache holds them, and are recorded as one CUDA graph where that works ("recorded" in the output). What cannot run is
listed with its reason; when --limit seconds are over, what has not begun is listed as such.
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # its pool of compilers can hang

import torch
import torch._dynamo

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer_kernels
import peer_models
from peer_presets import presets

SPREAD = 256 << 20  # bytes over which repetitions of a small operation walk: five times an H100's L2


class Bench:
    """Times closures on one device and collects figures."""

    def __init__(self, args):
        self.args = args
        self.device = torch.device(args.device)
        self.gpu = self.device.type == "cuda"
        self.end = time.monotonic() + args.limit
        self.figures = []
        self.skipped = []

    def synchronize(self):
        if self.gpu:
            torch.cuda.synchronize()

    def seconds(self, run):
        """Of one call, by device events on a GPU."""
        if not self.gpu:
            start = time.perf_counter()
            run()
            return time.perf_counter() - start
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    def copies(self, size):
        """How many operand sets of so many bytes defeat the caches."""
        return max(1, min(16, -(-SPREAD // max(size, 1)))) if self.gpu else 1

    def recorded(self, run):
        """The call as a CUDA graph, or None where it cannot be recorded."""
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                run()
            return graph.replay
        except RuntimeError:
            torch.cuda.synchronize()
            return None

    def time(self, calls, record=True):
        """Median seconds of one of the calls, seconds of each round, repetitions, whether recorded."""
        stream = torch.cuda.Stream() if self.gpu else None
        if stream:  # recording needs a warm-up beside the default stream
            stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream) if stream else _nothing():
            for _ in range(3):
                for call in calls:
                    call()
        self.synchronize()
        once = max(self.seconds(lambda: [call() for call in calls]), 1e-7)
        turns = max(1, min(64, round(self.args.seconds / once)))

        def all_calls():
            for _ in range(turns):
                for call in calls:
                    call()

        replay = self.recorded(all_calls) if self.gpu and record else None
        run = replay or all_calls
        run()
        self.synchronize()
        count = turns * len(calls)
        rounds = [self.seconds(run) / count for _ in range(self.args.rounds)]
        return statistics.median(rounds), rounds, count, replay is not None

    def add(self, part, preset, subject, dtype, contender, calls, work, unit, record=True, more=None):
        """Measures unless it is too late; a failure is a line of its own, never the end."""
        what = dict(part=part, preset=preset, subject=subject, type=dtype, contender=f"PyTorch {contender}")
        if time.monotonic() > self.end:
            self.skipped.append(dict(what, reason="out of time"))
            return
        try:
            median, rounds, count, recorded = self.time(calls() if callable(calls) else calls, record)
        except Exception as e:  # noqa: BLE001 whatever a backend refuses with
            self.skipped.append(dict(what, reason=f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e) else ''}"[:300]))
            self.free()
            return
        self.figures.append(
            dict(what, seconds=median, rounds=rounds, repetitions=count, recorded=recorded, work=work, unit=unit, **(more or {}))
        )
        rate = work / median
        print(f"{part} {preset} {subject} {dtype} {contender}: {median * 1e6:.1f} us, {rate:.4g} {unit}/s", flush=True)
        self.free()

    def forget(self):
        """Compiled forms of earlier shapes, which count against the limit of recompilations."""
        torch._dynamo.reset()

    def free(self):
        if self.gpu:
            torch.cuda.empty_cache()


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def facts(device):
    """What ran where."""
    out = {"torch": torch.__version__, "python": sys.version.split()[0], "device": "cpu"}
    if device.type == "cuda":
        p = torch.cuda.get_device_properties(device)
        out.update(
            device=p.name,
            capability=f"{p.major}.{p.minor}",
            cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version(),
            memory=p.total_memory,
        )
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="toy shapes, to test the code")
    parser.add_argument("--parts", default="limits,kernels,decode-kernels,train,decode")
    parser.add_argument("--presets", default="", help="names, separated by commas; all by default")
    parser.add_argument("--modes", default="eager,compile", help="of eager, compile")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.02, help="of each round, about")
    parser.add_argument("--limit", type=float, default=300, help="seconds after which nothing new is begun")
    parser.add_argument("--batch", type=int, default=8, help="rows of 1024 tokens, of kernels and of training")
    parser.add_argument("--frozen", type=int, default=24)
    parser.add_argument("--tracked", type=int, default=8)
    parser.add_argument("--keep", choices=["state", "all"], default="state", help="state: recompute each tracked recurrence")
    parser.add_argument("--out", default="peers.json")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu_peers: PyTorch sees no GPU; --device cpu --tiny tests the code without one")
    torch.manual_seed(1)
    bench = Bench(args)
    chosen = presets(args.tiny, args.presets)
    parts = args.parts.split(",")
    started = time.monotonic()
    if "limits" in parts:
        peer_kernels.limits(bench)
    # A preset after the other, so that the first has all of it where time runs out.
    for p in chosen:
        if "kernels" in parts:
            peer_kernels.kernels(bench, p)
        if "decode-kernels" in parts:
            peer_kernels.decode_kernels(bench, p)
        if "train" in parts:
            peer_models.train(bench, p)
        if "decode" in parts:
            peer_models.decode(bench, p)
    with open(args.out, "w") as f:
        json.dump(
            dict(
                program="gpu_peers.py",
                facts=facts(bench.device),
                method=" ".join(__doc__.split("How: ")[1].split()),
                rounds=args.rounds,
                took=round(time.monotonic() - started, 1),
                figures=bench.figures,
                skipped=bench.skipped,
            ),
            f,
            indent=1,
        )
    for s in bench.skipped:
        print(f"skipped: {s['part']} {s['preset']} {s['subject']} {s['contender']}: {s['reason']}")


if __name__ == "__main__":
    main()

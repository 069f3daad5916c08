#!/usr/bin/env python3
"""The training step of rondo.bench.StepConfig in plain PyTorch, for comparison: one JSON object a line.

    python3 train_step.py --threads 2 --mode eager --mode compile

Needs nothing but PyTorch, 1.13 or later. It is given what makes it quick: fused attention where the
version has it, the loop-invariant half of the adapter taken out of the loop, Newton-Schulz over
stacks of matrices, fused AdamW, and with --mode compile everything compiled but the loop itself.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # its pool of compilers can hang

import torch
import torch.nn.functional as F

WIDTH, HEADS, KV_HEADS, HEAD_DIM, HIDDEN, VOCABULARY, TIME = 128, 4, 2, 32, 384, 258, 256
PRELUDE, CORE, CODA = 1, 3, 1
EPS = 1e-5
STATE_STD = 0.008703882797784892
NS = (3.4445, -4.7750, 2.0315)
FUSED = hasattr(F, "scaled_dot_product_attention")


class Block(torch.nn.Module):
    """Llama's: x += attention(norm(x)); x += mlp(norm(x))."""

    def __init__(self, out):
        super().__init__()
        self.norm_1 = torch.nn.Parameter(torch.ones(WIDTH))
        self.qkv = matrix((HEADS + 2 * KV_HEADS) * HEAD_DIM, WIDTH)
        self.attn_proj = matrix(WIDTH, HEADS * HEAD_DIM, out)
        self.norm_2 = torch.nn.Parameter(torch.ones(WIDTH))
        self.fc = matrix(2 * HIDDEN, WIDTH)
        self.mlp_proj = matrix(WIDTH, HIDDEN, out)

    def forward(self, x, cos, sin):
        x = x + F.linear(attention(F.linear(norm(x, self.norm_1), self.qkv), cos, sin), self.attn_proj)
        gate, up = F.linear(norm(x, self.norm_2), self.fc).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.mlp_proj)


def matrix(rows, columns, factor=1.0):
    return torch.nn.Parameter(torch.randn(rows, columns) * factor * (2 / (5 * WIDTH)) ** 0.5)


def norm(x, gain):
    if hasattr(F, "rms_norm"):
        return F.rms_norm(x, (WIDTH,), gain, EPS)
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * gain


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def attention(qkv, cos, sin):
    batch, steps, _ = qkv.shape
    qkv = qkv.view(batch, steps, HEADS + 2 * KV_HEADS, HEAD_DIM).transpose(1, 2)
    qk = rotate(qkv[:, : HEADS + KV_HEADS], cos, sin)
    q, k, v = qk[:, :HEADS], qk[:, HEADS:], qkv[:, HEADS + KV_HEADS :]
    k = k.repeat_interleave(HEADS // KV_HEADS, 1)
    v = v.repeat_interleave(HEADS // KV_HEADS, 1)
    if FUSED:
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:
        mask = torch.full((steps, steps), float("-inf")).triu(1)
        y = torch.softmax(q @ k.transpose(-1, -2) * HEAD_DIM**-0.5 + mask, -1) @ v
    return y.transpose(1, 2).reshape(batch, steps, HEADS * HEAD_DIM)


class Recurrent(torch.nn.Module):
    def __init__(self, tied, recurrences):
        super().__init__()
        out = (2 * (PRELUDE + CORE * recurrences + CODA)) ** -0.5
        self.embedding = matrix(VOCABULARY, WIDTH)
        self.prelude = torch.nn.ModuleList(Block(out) for _ in range(PRELUDE))
        self.adapter = matrix(WIDTH, 2 * WIDTH)
        self.core = torch.nn.ModuleList(Block(out) for _ in range(CORE))
        self.coda = torch.nn.ModuleList(Block(out) for _ in range(CODA))
        self.norm = torch.nn.Parameter(torch.ones(WIDTH))
        self.head = self.embedding if tied else matrix(VOCABULARY, WIDTH)
        angles = torch.arange(TIME)[:, None] * 10_000 ** (-torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def injection(self, tokens):
        e = F.embedding(tokens, self.embedding)
        for block in self.prelude:
            e = block(e, self.cos, self.sin)
        return F.linear(e, self.adapter[:, WIDTH:])

    def recur(self, s, injected):
        x = F.linear(s, self.adapter[:, :WIDTH]) + injected
        for block in self.core:
            x = block(x, self.cos, self.sin)
        return x

    def loss(self, s, targets):
        for block in self.coda:
            s = block(s, self.cos, self.sin)
        return F.cross_entropy(F.linear(norm(s, self.norm), self.head).flatten(0, 1), targets.flatten())


def newton_schulz(x):
    tall = x.size(-2) > x.size(-1)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    if tall:
        x = x.mT
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=NS[1], alpha=NS[2]), x, beta=NS[0])
    return x.mT if tall else x


class Muon:
    """Muon on the stacks of body matrices, fused AdamW on the rest."""

    def __init__(self, model, compiled):
        body = [p for n, p in model.named_parameters() if p.dim() == 2 and n not in ("embedding", "head")]
        ids = {id(p) for p in body}
        rest = [p for p in model.parameters() if id(p) not in ids]
        self.all = body + rest
        self.stacks = {}
        for p in body:
            self.stacks.setdefault(p.shape, []).append(p)
        self.moments = {shape: torch.zeros(len(ps), *shape) for shape, ps in self.stacks.items()}
        settings = dict(lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01)
        try:
            self.adamw = torch.optim.AdamW(rest, fused=True, **settings)
        except (RuntimeError, TypeError):
            self.adamw = torch.optim.AdamW(rest, foreach=True, **settings)
        self.direction = torch.compile(self.direction) if compiled else self.direction

    @staticmethod
    def direction(moment, gradient):
        moment.lerp_(gradient, 0.05)
        return newton_schulz(gradient + 0.95 * (moment - gradient))

    @torch.no_grad()
    def step(self, lr=1e-3):
        torch.nn.utils.clip_grad_norm_(self.all, 1.0)
        for shape, parameters in self.stacks.items():
            direction = self.direction(self.moments[shape], torch.stack([p.grad for p in parameters]))
            torch._foreach_mul_(parameters, 1 - lr * 0.01)
            scale = max(1, shape[0] / shape[1]) ** 0.5
            torch._foreach_add_(parameters, list(direction.unbind(0)), alpha=-lr * scale)
        self.adamw.step()
        for p in self.all:
            p.grad = None


def make_step(args, frozen, mode):
    torch.manual_seed(1)
    model = Recurrent(args.tied, frozen + args.tracked)
    compiled = mode == "compile"
    injection, recur, loss = model.injection, model.recur, model.loss
    if compiled:
        injection, recur, loss = (torch.compile(f) for f in (injection, recur, loss))
    if args.keep == "state":
        from torch.utils.checkpoint import checkpoint

        tracked = lambda s, e: checkpoint(recur, s, e, use_reentrant=False)
    else:
        tracked = recur
    optimizer = Muon(model, compiled)
    tokens = torch.randint(VOCABULARY, (args.batch, TIME))
    targets = (tokens * 7 + 3) % VOCABULARY

    def step():
        e = injection(tokens)
        s = torch.randn(args.batch, TIME, WIDTH) * STATE_STD
        with torch.no_grad():
            for _ in range(frozen):
                s = recur(s, e)
        for _ in range(args.tracked):
            s = tracked(s, e)
        value = loss(s, targets)
        value.backward()
        optimizer.step()
        return value.item()

    return step, sum(p.numel() for p in model.parameters())


def attention_kernel():
    """What fused attention runs as on this processor."""
    if not FUSED:
        return "softmax, not fused"
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as p:
        q = torch.randn(1, HEADS, TIME, HEAD_DIM, requires_grad=True)
        F.scaled_dot_product_attention(q, q, q, is_causal=True)
    names = [e.key for e in p.key_averages() if "scaled_dot_product" in e.key or "attention" in e.key]
    return ", ".join(n.replace("aten::", "") for n in names if "fused" in n or "flash" in n or "math" in n)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--frozen", type=int, action="append", help="may be repeated; 0 and 4")
    parser.add_argument("--tracked", type=int, default=4)
    parser.add_argument("--tied", action="store_true", help="one matrix for embedding and head")
    parser.add_argument("--keep", choices=["all", "state"], default="all", help="state: recompute each recurrence")
    parser.add_argument("--mode", choices=["eager", "compile"], action="append", help="may be repeated")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--clock", choices=["wall", "processor"], default="wall", help="processor: of this thread, for 1 thread")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock = time.perf_counter if args.clock == "wall" else time.thread_time
    kernel = attention_kernel()
    for frozen in args.frozen or [0, 4]:
        modes = args.mode or ["eager"] + (["compile"] if hasattr(torch, "compile") else [])
        steps = {}
        for mode in modes:
            started = time.perf_counter()
            step, parameters = make_step(args, frozen, mode)
            losses = [step() for _ in range(args.warm_up)]
            steps[mode] = (step, losses, time.perf_counter() - started)
        seconds = {mode: [] for mode in modes}
        for _ in range(args.rounds):
            for mode in modes:
                start = clock()
                steps[mode][0]()
                seconds[mode].append(clock() - start)
        for mode in modes:
            tokens = args.batch * TIME
            print(
                json.dumps(
                    {
                        "contender": f"PyTorch {torch.__version__} {mode}",
                        "subject": f"{'tied' if args.tied else 'quickstart'} {args.batch} × {TIME}, "
                        f"{frozen} + {args.tracked} recurrences, keep {args.keep}",
                        "unit": "tokens/s",
                        "median": round(tokens / statistics.median(seconds[mode]), 1),
                        "best": round(tokens / min(seconds[mode]), 1),
                        "threads": args.threads,
                        "clock": args.clock,
                        "parameters": parameters,
                        "attention": kernel,
                        "first losses": [round(x, 4) for x in steps[mode][1]],
                        "warm-up seconds": round(steps[mode][2], 1),
                        "seconds": [round(s, 5) for s in seconds[mode]],
                    },
                    ensure_ascii=False,
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()

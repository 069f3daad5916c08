"""Whole steps of the presets in PyTorch: training through depth, and one cached token.

The model is rondo's: prelude, then [adapter, core] r times, then coda, with the loop-invariant half of the adapter taken out of
the loop. Weights are bf16 copies of f32 masters; gradients of weights are accumulated in bf16 (PyTorch's way, and less memory to
move than rondo's f32).
"""

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from peer_kernels import angles, orthogonal, rotate

STATE_STD = 0.008703882797784892


class Block(torch.nn.Module):
    """One transformer block of a preset's kind."""

    def __init__(self, p, out):
        super().__init__()
        self.p = p
        self.qkv = matrix(p.qkv_width, p.width, p)
        self.proj = matrix(p.width, p.query_width, p, out)
        self.fc = matrix(2 * p.hidden, p.width, p)
        self.down = matrix(p.width, p.hidden, p, out)
        self.gains = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(p.width)) for _ in range(4 if p.kind == "huginn" else 2))
        if p.kind == "olmo2":
            self.q_gain = torch.nn.Parameter(torch.ones(p.query_width))
            self.k_gain = torch.nn.Parameter(torch.ones(p.kv_width))
        if p.kind == "huginn":
            self.bias = torch.nn.Parameter(torch.zeros(p.heads + p.kv_heads, p.head_dim))

    def norm(self, x, i):
        return F.rms_norm(x, (self.p.width,), self.gains[i], self.p.eps)

    def attention(self, x, cos, sin, cache=None, at=None):
        """Causal over x; with a cache [2, batch, kv_heads, slots, head_dim], of one row over slots 0 to at."""
        p = self.p
        batch, t, _ = x.shape
        q, k, v = F.linear(x, self.qkv).split((p.query_width, p.kv_width, p.kv_width), -1)
        if p.kind == "olmo2":
            q = F.rms_norm(q, (p.query_width,), self.q_gain, p.eps)
            k = F.rms_norm(k, (p.kv_width,), self.k_gain, p.eps)
        qk = torch.cat((q, k), -1).view(batch, t, p.heads + p.kv_heads, p.head_dim)
        if p.kind == "huginn":
            qk = qk + self.bias
        qk = rotate(qk, cos[:, None], sin[:, None], p.kind == "huginn").transpose(1, 2)
        q, k = qk[:, : p.heads], qk[:, p.heads :]
        v = v.view(batch, t, p.kv_heads, p.head_dim).transpose(1, 2)
        gqa = p.heads != p.kv_heads
        if cache is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=gqa)
        else:
            cache[0].index_copy_(2, at, k)
            cache[1].index_copy_(2, at, v)
            y = F.scaled_dot_product_attention(q, cache[0], cache[1], enable_gqa=gqa)
        return F.linear(y.transpose(1, 2).reshape(batch, t, p.query_width), self.proj)

    def mlp(self, x):
        gate, up = F.linear(x, self.fc).chunk(2, -1)
        return F.linear(F.silu(gate) * up, self.down)

    def forward(self, x, cos, sin, cache=None, at=None):
        kind = self.p.kind
        if kind == "llama":
            x = x + self.attention(self.norm(x, 0), cos, sin, cache, at)
            return x + self.mlp(self.norm(x, 1))
        if kind == "olmo2":
            x = x + self.norm(self.attention(x, cos, sin, cache, at), 0)
            return x + self.norm(self.mlp(x), 1)
        x = self.norm(x + self.attention(self.norm(x, 0), cos, sin, cache, at), 1)
        return self.norm(x + self.mlp(self.norm(x, 2)), 3)


def matrix(rows, columns, p, factor=1.0):
    w = torch.nn.Parameter(torch.empty(rows, columns))
    w.initial_std = factor * (2 / (5 * p.width)) ** 0.5  # filled on its device
    return w


class Recurrent(torch.nn.Module):
    def __init__(self, p, recurrences):
        super().__init__()
        self.p = p
        out = (2 * (p.prelude + p.core * recurrences + p.coda)) ** -0.5
        self.embedding = matrix(p.vocabulary, p.width, p)
        self.prelude = torch.nn.ModuleList(Block(p, out) for _ in range(p.prelude))
        self.adapter = matrix(p.width, 2 * p.width, p)
        self.core = torch.nn.ModuleList(Block(p, out) for _ in range(p.core))
        self.coda = torch.nn.ModuleList(Block(p, out) for _ in range(p.coda))
        self.gain = torch.nn.Parameter(torch.ones(p.width))
        self.head = self.embedding if p.tied else matrix(p.vocabulary, p.width, p)

    def injection(self, tokens, cos, sin, caches=None, at=None):
        e = F.embedding(tokens, self.embedding)
        if self.p.kind == "huginn":
            e = e * self.p.width**0.5
        for i, block in enumerate(self.prelude):
            e = block(e, cos, sin, caches and caches[i], at)
        return F.linear(e, self.adapter[:, self.p.width :])

    def recur(self, s, injected, cos, sin, caches=None, at=None):
        x = F.linear(s, self.adapter[:, : self.p.width]) + injected
        for i, block in enumerate(self.core):
            x = block(x, cos, sin, caches and caches[i], at)
        return x

    def logits(self, s, cos, sin, caches=None, at=None):
        norm = lambda x: F.rms_norm(x, (self.p.width,), self.gain, self.p.eps)
        if self.p.kind == "huginn":
            s = norm(s)
        for i, block in enumerate(self.coda):
            s = block(s, cos, sin, caches and caches[i], at)
        return F.linear(norm(s), self.head)

    def loss(self, s, targets, cos, sin):
        return F.cross_entropy(self.logits(s, cos, sin).flatten(0, 1).float(), targets.flatten())


def build(bench, p, recurrences):
    """The model in bf16, made and filled on the device."""
    with torch.device("meta"):
        model = Recurrent(p, recurrences)
    stds = {n: getattr(w, "initial_std", None) for n, w in model.named_parameters()}
    model = model.to(torch.bfloat16).to_empty(device=bench.device)
    if p.tied:
        model.head = model.embedding
    with torch.no_grad():
        for n, w in model.named_parameters():
            std = stds[n]
            w.normal_(std=std) if std else w.fill_(0.0 if n.endswith("bias") else 1.0)
    return model


class Update:
    """Clipping, Muon on stacks of body matrices and AdamW on the rest, on f32 masters; then the copies are made again."""

    def __init__(self, model, compiled):
        rest = ("embedding", "head", "bias")
        body = [w for n, w in model.named_parameters() if w.dim() == 2 and n.rsplit(".")[-1] not in rest]
        ids = {id(w) for w in body}
        self.copies = body + [w for w in model.parameters() if id(w) not in ids]
        self.masters = [w.detach().float() for w in self.copies]
        self.body = len(body)
        self.shapes = {}
        for i, w in enumerate(body):
            self.shapes.setdefault(w.shape, []).append(i)
        self.moments = {s: torch.zeros(len(i), *s, device=body[0].device) for s, i in self.shapes.items()}
        for m in self.masters[self.body :]:
            m.requires_grad_()
        settings = dict(lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01)
        self.adamw = torch.optim.AdamW(self.masters[self.body :], fused=True, **settings)
        self.direction = torch.compile(self.direction, dynamic=False) if compiled else self.direction

    @staticmethod
    def direction(moment, gradient):
        moment.lerp_(gradient, 0.05)
        return orthogonal((gradient + 0.95 * (moment - gradient)).bfloat16())

    @torch.no_grad()
    def step(self, lr=1e-3):
        torch.nn.utils.clip_grad_norm_(self.copies, 1.0)
        for shape, which in self.shapes.items():
            gradients = torch.stack([self.copies[i].grad for i in which]).float()
            direction = self.direction(self.moments[shape], gradients)
            masters = [self.masters[i] for i in which]
            torch._foreach_mul_(masters, 1 - lr * 0.01)
            torch._foreach_add_(masters, [d.float() for d in direction.unbind(0)], alpha=-lr * max(1, shape[0] / shape[1]) ** 0.5)
        for m, w in zip(self.masters[self.body :], self.copies[self.body :]):
            m.grad = w.grad.float()
        self.adamw.step()
        torch._foreach_copy_(self.copies, self.masters)
        self.clear()

    def clear(self):
        for w in self.copies:
            w.grad = None


def train(bench, p):
    """Two figures for each mode: forward and backward alone, and the whole step with its update."""
    args = bench.args
    b, t = args.batch, p.time
    subject = f"step {b} x {t}, {args.frozen} + {args.tracked} recurrences, keep {args.keep}"
    for mode in args.modes.split(","):
        made = []

        def step(update, mode=mode, made=made):
            if not made:
                made.append(trained(bench, p, mode))
            return [lambda: made[0](update)]

        for update, name in ((False, subject + ", no update"), (True, subject + ", with update")):
            bench.add("train", p.name, name, "bf16", mode, lambda: step(update), b * t, "tokens", record=False)
        made.clear()
        bench.free()


def trained(bench, p, mode):
    """One step as a function of whether it ends with an update of the weights."""
    bench.forget()
    args = bench.args
    b, t = args.batch, p.time
    compiled = mode == "compile"
    model = build(bench, p, args.frozen + args.tracked)
    cos, sin = angles(bench, p, t, torch.bfloat16)
    injection, recur, loss = model.injection, model.recur, model.loss
    if compiled:
        injection, recur, loss = (torch.compile(f, dynamic=False) for f in (injection, recur, loss))
    if args.keep == "state":
        inject = lambda x: checkpoint(injection, x, cos, sin, use_reentrant=False)
        follow = lambda s, e: checkpoint(recur, s, e, cos, sin, use_reentrant=False)
    else:
        inject = lambda x: injection(x, cos, sin)
        follow = lambda s, e: recur(s, e, cos, sin)
    optimizer = Update(model, compiled)
    tokens = torch.randint(p.vocabulary, (b, t), device=bench.device)
    targets = (tokens * 7 + 3) % p.vocabulary

    def step(update):
        e = inject(tokens)
        s = (torch.randn(b, t, p.width, device=bench.device) * STATE_STD).bfloat16()
        with torch.no_grad():
            for _ in range(args.frozen):
                s = recur(s, e, cos, sin)
        for _ in range(args.tracked):
            s = follow(s, e)
        loss(s, targets, cos, sin).backward()
        if update:
            optimizer.step()
        else:
            optimizer.clear()

    return step


def decode(bench, p):
    """One token through every recurrence with static caches, each full up to it."""
    context = 16 if p.tiny else 1024
    for batch in (1, 8):
        for r in (2,) if p.tiny else (4, 32):
            subject = f"token after {context}, batch {batch}, r = {r}"
            for mode in bench.args.modes.split(","):
                for recorded in (False, True) if bench.gpu else (False,):
                    contender = mode + (", one CUDA graph" if recorded else "")
                    bench.add(
                        "decode",
                        p.name,
                        subject,
                        "bf16",
                        contender,
                        lambda: token(bench, p, batch, r, context, mode),
                        batch,
                        "tokens",
                        record=recorded,
                    )


@torch.no_grad()
def token(bench, p, batch, r, context, mode):
    """The whole token is recorded as one graph of its own kernels: compile's reduce-overhead would record each of its three
    functions and copy the caches into its graphs."""
    bench.forget()
    model = build(bench, p, r)

    def caches(n):
        shape = (2, batch, p.kv_heads, context, p.head_dim)
        return [torch.randn(shape, device=bench.device).bfloat16() for _ in range(n)]

    cos, sin = (x[-1:] for x in angles(bench, p, context, torch.bfloat16))
    at = torch.tensor([context - 1], device=bench.device)
    before, after = caches(p.prelude), caches(p.coda)
    within = [caches(p.core) for _ in range(r)]
    injection, recur, logits = model.injection, model.recur, model.logits
    if mode == "compile":
        injection, recur, logits = (torch.compile(f, dynamic=False) for f in (injection, recur, logits))
    tokens = torch.randint(p.vocabulary, (batch, 1), device=bench.device)
    state = (torch.randn(batch, 1, p.width, device=bench.device) * STATE_STD).bfloat16()

    def run():
        with torch.no_grad():
            e = injection(tokens, cos, sin, before, at)
            s = state
            for cache in within:
                s = recur(s, e, cos, sin, cache, at)
            return logits(s, cos, sin, after, at)

    return [run]

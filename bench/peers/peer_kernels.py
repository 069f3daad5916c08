"""Single operations in PyTorch at a preset's shapes; subjects and work are those of rondo.bench.gpu."""

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

NS = (3.4445, -4.7750, 2.0315)


DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}


def limits(bench):
    """What the others are fractions of: a device copy and a large product."""
    size = (1 << 20) if bench.args.tiny else (1 << 30)
    name = "copy 1 MiB" if bench.args.tiny else "copy 1 GiB"

    def copy():
        a = torch.ones(size, dtype=torch.uint8, device=bench.device)
        b = torch.empty_like(a)
        return [lambda: b.copy_(a)]

    bench.add("limits", "", name, "bytes", "eager", copy, 2 * size, "bytes")
    n = 64 if bench.args.tiny else 8192

    def product():
        a, b = (randn(bench, torch.bfloat16, n, n) for _ in range(2))
        return [lambda: a @ b]

    bench.add("limits", "", f"product {n} x {n} x {n}", "bf16", "eager", product, 2 * n**3, "flops")


def wrapped(function, mode):
    """Eager, or compiled for exactly these shapes."""
    return function if mode == "eager" else torch.compile(function, dynamic=False)


def kernels(bench, p):
    bench.forget()
    b, t = bench.args.batch, p.time
    rows = b * t
    attention(bench, p, b, t)
    products(bench, p, rows)
    for dtype, kind in DTYPES.items():
        size = kind.itemsize
        for mode in bench.args.modes.split(","):
            norm(bench, p, rows, dtype, kind, size, mode)
            gated_silu(bench, p, rows, dtype, kind, size, mode)
            rotary(bench, p, b, t, dtype, kind, size, mode)
            embedding(bench, p, rows, dtype, kind, size, mode)
            loss(bench, p, rows, dtype, kind, mode)
    if not p.tiny and p.name != "tinyllama-4-8-4":
        return
    adamw(bench, 1 << (10 if p.tiny else 26))
    newton_schulz(bench, p)


def randn(bench, kind, *shape):
    return torch.randn(*shape, device=bench.device).to(kind)


def sets(bench, size, make):
    """One call for each set of operands, as many as defeat the caches."""
    return lambda: [make() for _ in range(bench.copies(size))]


# ---- attention


def backends(bench):
    if not bench.gpu:
        return {"default": [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]}
    return {"flash": [SDPBackend.FLASH_ATTENTION], "cuDNN": [SDPBackend.CUDNN_ATTENTION]}


def qkv_heads(bench, kind, p, b, t):
    """Views of one fused projection, as a model has them: [batch, heads, time, head_dim]."""
    qkv = randn(bench, kind, b, t, p.heads + 2 * p.kv_heads, p.head_dim).transpose(1, 2)
    return qkv.split((p.heads, p.kv_heads, p.kv_heads), 1)


def attention(bench, p, b, t):
    subject = f"attention {b} x {t}, {p.heads}/{p.kv_heads} heads of {p.head_dim}"
    flops = 2 * b * t * t * p.query_width  # two products, the causal half
    gqa = p.heads != p.kv_heads
    for name, backend in backends(bench).items():
        kind, dtype = torch.bfloat16, "bf16"
        size = b * t * p.qkv_width * 2

        def forward():
            q, k, v = qkv_heads(bench, kind, p, b, t)

            def run():
                with sdpa_kernel(backend):
                    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=gqa)

            return run

        bench.add("kernels", p.name, subject, dtype, name, sets(bench, size, forward), flops, "flops")

        def backward():
            q, k, v = (x.detach().requires_grad_() for x in qkv_heads(bench, kind, p, b, t))
            with sdpa_kernel(backend):
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=gqa)
            dy = torch.randn_like(y)
            return lambda: torch.autograd.grad(y, (q, k, v), dy, retain_graph=True)

        bench.add(
            "kernels", p.name, subject + ", gradient", dtype, name, sets(bench, 2 * size, backward), flops * 5 // 2, "flops"
        )


# ---- products


def layers(p):
    """Each linear layer: name, inputs, outputs."""
    return [
        ("qkv", p.width, p.qkv_width),
        ("attention proj", p.query_width, p.width),
        ("mlp fc", p.width, 2 * p.hidden),
        ("mlp proj", p.hidden, p.width),
        ("head", p.width, p.vocabulary),
    ]


def products(bench, p, rows):
    kind, dtype = torch.bfloat16, "bf16"
    for name, k, n in layers(p):
        flops = 2 * rows * k * n
        size = 2 * (rows * k + n * k + rows * n)

        def forward():
            x, w = randn(bench, kind, rows, k), randn(bench, kind, n, k)
            return lambda: F.linear(x, w)

        def by_input():
            d, w = randn(bench, kind, rows, n), randn(bench, kind, n, k)
            return lambda: d @ w

        def by_weight():
            d, x = randn(bench, kind, rows, n), randn(bench, kind, rows, k)
            return lambda: d.mT @ x

        add = lambda s, f: bench.add("kernels", p.name, s, dtype, "eager", sets(bench, size, f), flops, "flops")
        add(f"{name} {rows} x {n} x {k}", forward)
        add(f"{name}, input gradient {rows} x {k} x {n}", by_input)
        add(f"{name}, weight gradient {n} x {k} x {rows}", by_weight)


# ---- what moves memory


def norm(bench, p, rows, dtype, kind, size, mode):
    c = p.width
    work = 4 * rows * c * size
    subject = f"rms_norm {rows} x {c}"

    def sum_and_norm(x, r, g):
        s = x + r
        return s, F.rms_norm(s, (c,), g, p.eps)

    fused = wrapped(sum_and_norm, mode)

    def forward():
        x, r, g = randn(bench, kind, rows, c), randn(bench, kind, rows, c), randn(bench, kind, c)
        return lambda: fused(x, r, g)

    bench.add("kernels", p.name, subject, dtype, mode, sets(bench, work, forward), work, "bytes")

    only = wrapped(lambda s, g: F.rms_norm(s, (c,), g, p.eps), mode)

    def backward():
        s, g, dy, carry = (
            randn(bench, kind, rows, c).requires_grad_(),
            randn(bench, kind, c).requires_grad_(),
            randn(bench, kind, rows, c),
            randn(bench, kind, rows, c),
        )
        y = only(s, g)

        def run():
            dx, dg = torch.autograd.grad(y, (s, g), dy, retain_graph=True)
            return dx + carry, dg

        return run

    bench.add("kernels", p.name, subject + ", gradient", dtype, mode, sets(bench, work, backward), work, "bytes")


def silu(x):
    gate, up = x.chunk(2, -1)
    return F.silu(gate) * up


def gated_silu(bench, p, rows, dtype, kind, size, mode):
    h = p.hidden
    subject = f"gated_silu {rows} x {h}"
    function = wrapped(silu, mode)

    def forward():
        x = randn(bench, kind, rows, 2 * h)
        return lambda: function(x)

    work = 3 * rows * h * size
    bench.add("kernels", p.name, subject, dtype, mode, sets(bench, work, forward), work, "bytes")

    def backward():
        x, dy = randn(bench, kind, rows, 2 * h).requires_grad_(), randn(bench, kind, rows, h)
        y = function(x)
        return lambda: torch.autograd.grad(y, x, dy, retain_graph=True)

    work = 5 * rows * h * size
    bench.add("kernels", p.name, subject + ", gradient", dtype, mode, sets(bench, work, backward), work, "bytes")


def rotate(x, cos, sin, interleaved):
    """Pairs (j, j + n/2), or neighbours; in the type of x."""
    if interleaved:
        a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
        return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def angles(bench, p, t, kind):
    frequencies = p.theta ** (-torch.arange(0, p.head_dim, 2, device=bench.device) / p.head_dim)
    a = torch.arange(t, device=bench.device)[:, None] * frequencies
    return a.cos().to(kind), a.sin().to(kind)


def rotary(bench, p, b, t, dtype, kind, size, mode):
    turned = p.heads + p.kv_heads
    cos, sin = angles(bench, p, t, kind)
    function = wrapped(lambda x: rotate(x, cos[:, None], sin[:, None], p.kind == "huginn"), mode)
    work = 2 * b * t * turned * p.head_dim * size

    def forward():
        qkv = randn(bench, kind, b, t, turned + p.kv_heads, p.head_dim)
        return lambda: function(qkv[:, :, :turned])

    subject = f"rotary {b * t} x {p.qkv_width}"
    bench.add("kernels", p.name, subject, dtype, mode, sets(bench, work, forward), work, "bytes")


def embedding(bench, p, rows, dtype, kind, size, mode):
    if mode == "compile":
        return  # one gather either way
    c, v = p.width, p.vocabulary
    subject = f"embedding {rows} x {c} of {v}"
    tokens = torch.randint(v, (rows,), device=bench.device)

    def forward():
        table = randn(bench, kind, v, c)
        return lambda: F.embedding(tokens, table)

    work = 2 * rows * c * size
    bench.add("kernels", p.name, subject, dtype, mode, sets(bench, work, forward), work, "bytes")

    def backward():
        dy = randn(bench, kind, rows, c)
        return lambda: torch.ops.aten.embedding_dense_backward(dy, tokens, v, -1, False)

    work = rows * c * size + v * c * 4
    bench.add("kernels", p.name, subject + ", gradient", dtype, mode, sets(bench, work, backward), work, "bytes")


def loss(bench, p, rows, dtype, kind, mode):
    c, v = p.width, p.vocabulary
    targets = torch.randint(v, (rows,), device=bench.device)
    function = wrapped(lambda x, w: F.cross_entropy(F.linear(x, w).float(), targets), mode)

    def both():
        x, w = randn(bench, kind, rows, c).requires_grad_(), randn(bench, kind, v, c).requires_grad_()
        return [lambda: torch.autograd.grad(function(x, w), (x, w))]

    subject = f"loss and gradients {rows} x {c}, vocabulary {v}"
    bench.add("kernels", p.name, subject, dtype, mode, both, 6 * rows * c * v, "flops")


# ---- optimisers


def adamw(bench, n):
    def make():
        parameter = torch.nn.Parameter(torch.randn(n, device=bench.device))
        parameter.grad = torch.randn(n, device=bench.device)
        settings = dict(lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01)
        optimizer = torch.optim.AdamW([parameter], fused=True, capturable=bench.gpu, **settings)
        return [optimizer.step]

    bench.add("kernels", "", f"adamw {n}", "f32", "eager", make, 28 * n, "bytes")


def orthogonal(x):
    """Five Newton-Schulz iterations on a stack of matrices."""
    tall = x.size(-2) > x.size(-1)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    if tall:
        x = x.mT
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=NS[1], alpha=NS[2]), x, beta=NS[0])
    return x.mT if tall else x


def newton_schulz(bench, p):
    shapes = [(p.core, p.width, p.width), (p.core, p.width, p.hidden), (p.core, 2 * p.hidden, p.width)]
    for count, a, b in shapes:
        n, m = min(a, b), max(a, b)
        flops = count * 5 * (4 * n * n * m + 2 * n**3)
        for mode in bench.args.modes.split(","):

            def make(mode=mode):
                function = wrapped(orthogonal, mode)
                x = randn(bench, torch.bfloat16, count, a, b)
                return [lambda: function(x)]

            subject = f"newton_schulz {count} of {a} x {b}"
            bench.add("kernels", p.name, subject, "bf16", mode, make, flops, "flops")


# ---- decoding


def decode_kernels(bench, p):
    kind = torch.bfloat16
    for rows in (1, 8):
        for name, k, n in layers(p):
            work = 2 * (n * k + rows * (n + k))

            def linear():
                x, w = randn(bench, kind, rows, k), randn(bench, kind, n, k)
                return lambda: F.linear(x, w)

            subject = f"{name} {rows} x {n} x {k}"
            bench.add("decode-kernels", p.name, subject, "bf16", "eager", sets(bench, work, linear), work, "bytes")
        capacity = 64 if p.tiny else 4096
        work = 2 * rows * capacity * 2 * p.kv_width
        gqa = p.heads != p.kv_heads
        for name, backend in backends(bench).items():

            def cached(backend=backend):
                q = randn(bench, kind, rows, p.heads, 1, p.head_dim)
                # As a cache lies: slots, then keys or values, then heads.
                cache = randn(bench, kind, rows, capacity, 2, p.kv_heads, p.head_dim)
                k, v = (cache[:, :, i].transpose(1, 2) for i in (0, 1))

                def run():
                    with sdpa_kernel(backend):
                        return F.scaled_dot_product_attention(q, k, v, enable_gqa=gqa)

                return run

            subject = f"cached attention {rows} x {capacity}, {p.heads}/{p.kv_heads} heads of {p.head_dim}"
            bench.add("decode-kernels", p.name, subject, "bf16", name, sets(bench, work, cached), work, "bytes")

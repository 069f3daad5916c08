#!/usr/bin/env python3
"""Makes nn/src/test/resources/vectors: small models with what they must compute, in float64.

A reference written from the specification of the models, not from Rondo's code: numpy, a tape of a
few differentiable operations, no other dependency. Weights and inputs are float32 values; all
arithmetic is float64. Each case is a model folder in Hugging Face layout (config.json,
model.safetensors) with expected.json and expected.safetensors:

  fixed depth   logits; loss and gradients
  recurrent     logits_rN and state_rN for N = 1, 3 from initial_state; loss and gradients after
                `frozen` recurrences without and `tracked` recurrences with gradient

A gradient is given by two numbers for each parameter: its L2 norm and its product with the
direction sin(i + 1) over the row-major index i. Every gradient is checked here against central
differences along that direction before anything is written.

    python3 scripts/make_vectors.py [FOLDER]
"""
import json
import os
import struct
import sys

import numpy as np

VOCABULARY, WIDTH, BATCH, TIME = 37, 24, 2, 7
SEED = 20260101


# ---- a tape: values with the rule that sends their gradient back


class Value:
    def __init__(self, data, parents=(), back=None):
        self.data = np.asarray(data, dtype=np.float64)
        self.parents, self.back, self.grad = parents, back, None

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        return Value(
            self.data * other.data,
            (self, other),
            lambda g: (g * other.data, unbroadcast(g * self.data, other.data.shape)),
        )

    def backward(self):
        order, seen = [], set()

        def visit(value):
            if id(value) not in seen:
                seen.add(id(value))
                for parent in value.parents:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = np.ones_like(self.data)
        for value in reversed(order):
            if value.back is not None and value.grad is not None:
                for parent, grad in zip(value.parents, value.back(value.grad)):
                    parent.grad = grad if parent.grad is None else parent.grad + grad


def unbroadcast(grad, shape):
    return grad.reshape((-1,) + shape).sum(axis=0) if grad.shape != shape else grad


def linear(x, w):
    """x · wᵀ."""
    return Value(
        x.data @ w.data.T,
        (x, w),
        lambda g: (
            g @ w.data,
            g.reshape(-1, g.shape[-1]).T @ x.data.reshape(-1, x.data.shape[-1]),
        ),
    )


def columns(x, start, stop):
    def back(g):
        grad = np.zeros_like(x.data)
        grad[..., start:stop] = g
        return (grad,)

    return Value(x.data[..., start:stop], (x,), back)


def concat(a, b):
    width = a.data.shape[-1]
    return Value(
        np.concatenate([a.data, b.data], axis=-1),
        (a, b),
        lambda g: (g[..., :width], g[..., width:]),
    )


def gather(table, ids, scale):
    def back(g):
        grad = np.zeros_like(table.data)
        np.add.at(grad, ids, scale * g)
        return (grad,)

    return Value(scale * table.data[ids], (table,), back)


def rms_norm(x, gain, eps):
    n = x.data.shape[-1]
    r = 1 / np.sqrt((x.data**2).mean(axis=-1, keepdims=True) + eps)
    unit = x.data * r

    def back(g):
        h = g * gain.data
        dx = r * (h - unit * (h * unit).sum(axis=-1, keepdims=True) / n)
        return dx, unbroadcast(g * unit, gain.data.shape)

    return Value(unit * gain.data, (x, gain), back)


def silu(x):
    s = 1 / (1 + np.exp(-x.data))
    return Value(x.data * s, (x,), lambda g: (g * (s + x.data * s * (1 - s)),))


def rotate(x, heads, size, base, interleaved, scaling):
    """Rotary embedding of [batch, time, heads * size] at positions 0, 1, ..."""
    freq = base ** (-2.0 * np.arange(size // 2) / size)
    if scaling:
        wave = 2 * np.pi / freq
        old = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        t = (old / wave - low) / (high - low)
        mixed = (1 - t) * freq / scaling["factor"] + t * freq
        freq = np.where(wave < old / high, freq, np.where(wave > old / low, freq / scaling["factor"], mixed))
    angle = np.arange(x.data.shape[1])[:, None] * freq
    cos, sin = np.cos(angle)[None, :, None, :], np.sin(angle)[None, :, None, :]

    def turn(data, sin):
        parts = data.reshape(data.shape[0], data.shape[1], heads, size)
        out = np.empty_like(parts)
        if interleaved:
            a, b = parts[..., 0::2], parts[..., 1::2]
            out[..., 0::2], out[..., 1::2] = a * cos - b * sin, b * cos + a * sin
        else:
            a, b = parts[..., : size // 2], parts[..., size // 2 :]
            out[..., : size // 2], out[..., size // 2 :] = a * cos - b * sin, b * cos + a * sin
        return out.reshape(data.shape)

    return Value(turn(x.data, sin), (x,), lambda g: (turn(g, -sin),))


def attend(q, k, v, heads, kv_heads, size):
    """Causal softmax attention with shared key and value heads."""
    group = heads // kv_heads

    def split(data, n):
        return data.reshape(data.shape[0], data.shape[1], n, size).transpose(0, 2, 1, 3)

    def join(data):
        return data.transpose(0, 2, 1, 3).reshape(data.shape[0], data.shape[2], -1)

    def pool(data):
        b, _, t, _ = data.shape
        return data.reshape(b, kv_heads, group, t, size).sum(axis=2)

    time = q.data.shape[1]
    qs = split(q.data, heads)
    ks = np.repeat(split(k.data, kv_heads), group, axis=1)
    vs = np.repeat(split(v.data, kv_heads), group, axis=1)
    scores = qs @ ks.transpose(0, 1, 3, 2) / np.sqrt(size)
    scores = np.where(np.tril(np.ones((time, time), bool)), scores, -np.inf)
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)

    def back(g):
        gs = split(g, heads)
        dp = gs @ vs.transpose(0, 1, 3, 2)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / np.sqrt(size)
        dq = ds @ ks
        dk = ds.transpose(0, 1, 3, 2) @ qs
        dv = p.transpose(0, 1, 3, 2) @ gs
        return join(dq), join(pool(dk)), join(pool(dv))

    return Value(join(p @ vs), (q, k, v), back)


def cross_entropy(logits, targets):
    rows = logits.data.reshape(-1, logits.data.shape[-1])
    flat = targets.reshape(-1)
    counted = np.nonzero(flat != -100)[0]
    log_p = rows - np.log(np.exp(rows).sum(axis=-1, keepdims=True))
    loss = -log_p[counted, flat[counted]].mean()

    def back(g):
        grad = np.zeros_like(rows)
        grad[counted] = np.exp(log_p[counted])
        grad[counted, flat[counted]] -= 1
        return (g * grad.reshape(logits.data.shape) / len(counted),)

    return Value(loss, (logits,), back)


# ---- models; weights are a dict of values under the names of the files


class Model:
    def __init__(self, kind, heads, kv_heads, hidden, eps, base, prefix_of, scaling=None):
        self.kind, self.heads, self.kv_heads = kind, heads, kv_heads
        self.size = WIDTH // heads
        self.hidden, self.eps, self.base, self.scaling = hidden, eps, base, scaling
        self.prefix_of = prefix_of

    def qkv_widths(self):
        return self.heads * self.size, self.kv_heads * self.size

    def attention(self, w, path, x):
        queries, keys = self.qkv_widths()
        y = linear(x, w[path + "attn.Wqkv.weight"])
        q = columns(y, 0, queries)
        k = columns(y, queries, queries + keys)
        v = columns(y, queries + keys, queries + 2 * keys)
        if self.kind == "huginn":
            bias = w[path + "attn.qk_bias"]
            q = q + broadcast(bias, 0, q.data.shape)
            k = k + broadcast(bias, 1, k.data.shape)
        if self.kind == "olmo2":
            q = rms_norm(q, w[path + "attn.q_norm.weight"], self.eps)
            k = rms_norm(k, w[path + "attn.k_norm.weight"], self.eps)
        inter = self.kind == "huginn"
        q = rotate(q, self.heads, self.size, self.base, inter, self.scaling)
        k = rotate(k, self.kv_heads, self.size, self.base, inter, self.scaling)
        out = attend(q, k, v, self.heads, self.kv_heads, self.size)
        return linear(out, w[path + "attn.proj.weight"])

    def mlp(self, w, path, x):
        y = linear(x, w[path + "mlp.fc.weight"])
        gate, up = columns(y, 0, self.hidden), columns(y, self.hidden, 2 * self.hidden)
        return linear(silu(gate) * up, w[path + "mlp.proj.weight"])

    def block(self, w, path, x):
        def norm(i, value):
            return rms_norm(value, w[f"{path}norm_{i}.weight"], self.eps)

        if self.kind == "llama":
            x = self.attention(w, path, norm(1, x)) + x
            return self.mlp(w, path, norm(2, x)) + x
        if self.kind == "olmo2":
            x = norm(1, self.attention(w, path, x)) + x
            return norm(2, self.mlp(w, path, x)) + x
        x = norm(2, self.attention(w, path, norm(1, x)) + x)
        return norm(4, self.mlp(w, path, norm(3, x)) + x)

    def blocks(self, w, name, x):
        i = 0
        while f"{self.prefix_of(name)}{i}.norm_1.weight" in w:
            x = self.block(w, f"{self.prefix_of(name)}{i}.", x)
            i += 1
        return x

    def last_norm(self, w, x):
        return rms_norm(x, w["transformer.ln_f.weight"], self.eps)

    def head(self, w, x):
        return linear(x, w.get("lm_head.weight", w["transformer.wte.weight"]))

    # ---- recurrent

    def prelude(self, w, ids, scale):
        return self.blocks(w, "prelude", gather(w["transformer.wte.weight"], ids, scale))

    def recur(self, w, state, e):
        return self.blocks(w, "core_block", linear(concat(state, e), w["transformer.adapter.weight"]))

    def logits(self, w, state):
        x = self.last_norm(w, state) if self.kind == "huginn" else state
        return self.head(w, self.last_norm(w, self.blocks(w, "coda", x)))

    # ---- fixed depth

    def fixed_logits(self, w, ids):
        x = self.blocks(w, "layers", gather(w["transformer.wte.weight"], ids, 1.0))
        return self.head(w, self.last_norm(w, x))


def broadcast(bias, index, shape):
    def back(g):
        grad = np.zeros_like(bias.data)
        grad[index] = g.reshape(-1, g.shape[-1]).sum(axis=0).reshape(bias.data.shape[1:])
        return (grad,)

    return Value(np.broadcast_to(bias.data[index].reshape(-1), shape), (bias,), back)


# ---- weights


def block_shapes(model):
    queries, keys = model.qkv_widths()
    shapes = {
        "attn.Wqkv.weight": (queries + 2 * keys, WIDTH),
        "attn.proj.weight": (WIDTH, queries),
        "mlp.fc.weight": (2 * model.hidden, WIDTH),
        "mlp.proj.weight": (WIDTH, model.hidden),
    }
    for i in range(1, 5 if model.kind == "huginn" else 3):
        shapes[f"norm_{i}.weight"] = (WIDTH,)
    if model.kind == "huginn":
        shapes["attn.qk_bias"] = (2, 1, model.heads, model.size)
    if model.kind == "olmo2":
        shapes["attn.q_norm.weight"] = (queries,)
        shapes["attn.k_norm.weight"] = (keys,)
    return shapes


def shapes(model, parts, tied):
    all_shapes = {"transformer.wte.weight": (VOCABULARY, WIDTH)}
    for part, count in parts.items():
        for i in range(count):
            for name, shape in block_shapes(model).items():
                all_shapes[f"{model.prefix_of(part)}{i}.{name}"] = shape
    if "core_block" in parts:
        all_shapes["transformer.adapter.weight"] = (WIDTH, 2 * WIDTH)
    all_shapes["transformer.ln_f.weight"] = (WIDTH,)
    if not tied:
        all_shapes["lm_head.weight"] = (VOCABULARY, WIDTH)
    return all_shapes


def draw(rng, name, shape):
    if "norm" in name or "ln_f" in name:
        values = 1 + 0.2 * rng.standard_normal(shape)
    elif len(shape) == 2:
        values = rng.standard_normal(shape) / np.sqrt(shape[-1])
    else:
        values = 0.3 * rng.standard_normal(shape)
    return values.astype(np.float32).astype(np.float64)


# ---- files


def write_safetensors(path, tensors):
    header, data, offset = {}, [], 0
    for name, array in tensors.items():
        kind = {"float32": "F32", "int64": "I64"}[str(array.dtype)]
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(raw)],
        }
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)))
        out.write(text)
        out.writelines(data)


def direction(shape):
    return np.sin(np.arange(int(np.prod(shape))) + 1.0).reshape(shape)


def gradients(weights, loss_of):
    """Loss and, for each parameter, norm and directional derivative, checked by differences."""
    values = {name: Value(data) for name, data in weights.items()}
    loss = loss_of(values)
    loss.backward()
    result, total = {}, 0.0
    for name, value in values.items():
        grad = np.zeros_like(value.data) if value.grad is None else value.grad
        along = float((grad * direction(grad.shape)).sum())
        h = 1e-5
        ends = []
        for sign in (1, -1):
            moved = {n: Value(d) for n, d in weights.items()}
            moved[name] = Value(weights[name] + sign * h * direction(grad.shape))
            ends.append(float(loss_of(moved).data))
        difference = (ends[0] - ends[1]) / (2 * h)
        norm = float(np.sqrt((grad**2).sum()))
        assert abs(difference - along) < 1e-6 * (1 + norm), (name, difference, along)
        result[name] = [norm, along]
        total += float((grad**2).sum())
    return float(loss.data), float(np.sqrt(total)), result


def generator(folder):
    return np.random.default_rng(SEED + sum(os.path.basename(folder).encode()))


def inputs(rng):
    ids = rng.integers(0, VOCABULARY, (BATCH, TIME))
    targets = rng.integers(0, VOCABULARY, (BATCH, TIME))
    targets[0, 2] = targets[1, 0] = targets[1, 6] = -100
    return ids, targets


def save(folder, config, stored, tensors, numbers):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(config, out, indent=1)
        out.write("\n")
    with open(os.path.join(folder, "expected.json"), "w") as out:
        json.dump(numbers, out, indent=1)
        out.write("\n")
    write_safetensors(
        os.path.join(folder, "model.safetensors"),
        {n: a.astype(np.float32) for n, a in stored.items()},
    )
    write_safetensors(os.path.join(folder, "expected.safetensors"), tensors)


def recurrent(folder, model, parts, scale, state_std, tied, frozen, tracked, config):
    rng = generator(folder)
    weights = {n: draw(rng, n, s) for n, s in shapes(model, parts, tied).items()}
    ids, targets = inputs(rng)
    start = (state_std * rng.standard_normal((BATCH, TIME, WIDTH))).astype(np.float32)
    w = {n: Value(d) for n, d in weights.items()}
    e = model.prelude(w, ids, scale)
    tensors = {"input_ids": ids, "targets": targets, "initial_state": start}
    state = Value(start)
    for r in range(1, 4):
        state = model.recur(w, state, e)
        if r != 2:
            tensors[f"state_r{r}"] = state.data.astype(np.float32)
            tensors[f"logits_r{r}"] = model.logits(w, state).data.astype(np.float32)

    def loss_of(values):
        e = model.prelude(values, ids, scale)
        state = Value(start)
        # Frozen recurrences are a constant: the weights they read are those before any change.
        for _ in range(frozen):
            state = Value(model.recur(w, state, Value(model.prelude(w, ids, scale).data)).data)
        for _ in range(tracked):
            state = model.recur(values, state, e)
        return cross_entropy(model.logits(values, state), targets)

    loss, norm, by_name = gradients(weights, loss_of)
    common = {
        "architectures": ["RavenForCausalLM"],
        "model_type": "huginn_raven",
        "n_embd": WIDTH,
        "n_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.size,
        "intermediate_size": model.hidden,
        "n_layers": sum(parts.values()),
        "n_layers_in_prelude": parts["prelude"],
        "n_layers_in_recurrent_block": parts["core_block"],
        "n_layers_in_coda": parts["coda"],
        "vocab_size": VOCABULARY,
        "padded_vocab_size": VOCABULARY,
        "norm_eps": model.eps,
        "tie_embeddings": tied,
        "mean_recurrence": 4,
        "mean_backprop_depth": 2,
        "block_size": 32,
        "init_values": {"embed_scale": scale, "std": state_std / scale},
        "torch_dtype": "float32",
    }
    save(
        folder,
        {**common, **config},
        weights,
        tensors,
        {"frozen": frozen, "tracked": tracked, "loss": loss, "grad_norm": norm, "gradients": by_name},
    )


def fixed(folder, model, layers, config):
    """A tied Llama; the file keeps query, key, value and gate, up apart."""
    rng = generator(folder)
    weights = {n: draw(rng, n, s) for n, s in shapes(model, {"layers": layers}, True).items()}
    ids, targets = inputs(rng)
    w = {n: Value(d) for n, d in weights.items()}
    logits = model.fixed_logits(w, ids).data.astype(np.float32)
    loss, norm, by_name = gradients(
        weights, lambda values: cross_entropy(model.fixed_logits(values, ids), targets)
    )
    queries, keys = model.qkv_widths()
    stored = {
        "model.embed_tokens.weight": weights["transformer.wte.weight"],
        "model.norm.weight": weights["transformer.ln_f.weight"],
    }
    for i in range(layers):
        source, to = f"{model.prefix_of('layers')}{i}.", f"model.layers.{i}."
        q, k, v = np.split(weights[source + "attn.Wqkv.weight"], [queries, queries + keys])
        gate, up = np.split(weights[source + "mlp.fc.weight"], 2)
        stored[to + "self_attn.q_proj.weight"] = q
        stored[to + "self_attn.k_proj.weight"] = k
        stored[to + "self_attn.v_proj.weight"] = v
        stored[to + "self_attn.o_proj.weight"] = weights[source + "attn.proj.weight"]
        stored[to + "mlp.gate_proj.weight"] = gate
        stored[to + "mlp.up_proj.weight"] = up
        stored[to + "mlp.down_proj.weight"] = weights[source + "mlp.proj.weight"]
        stored[to + "input_layernorm.weight"] = weights[source + "norm_1.weight"]
        stored[to + "post_attention_layernorm.weight"] = weights[source + "norm_2.weight"]
    base = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": WIDTH,
        "intermediate_size": model.hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "vocab_size": VOCABULARY,
        "rms_norm_eps": model.eps,
        "max_position_embeddings": 32,
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "torch_dtype": "float32",
    }
    save(
        folder,
        {**base, **config},
        stored,
        {"input_ids": ids, "targets": targets, "logits": logits},
        {"loss": loss, "grad_norm": norm, "gradients": by_name},
    )


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../nn/src/test/resources/vectors")

    def part(name):
        return f"transformer.{name}."

    scaling = {
        "rope_type": "llama3",
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 200,
    }
    llama = Model("llama", 4, 2, 27, 1e-3, 10000.0, part, scaling)
    recurrent(
        os.path.join(root, "llama-retrofit"), llama, {"prelude": 1, "core_block": 1, "coda": 1},
        1.0, 0.5, False, 1, 2,
        {"rope_theta": 10000.0, "rope_scaling": scaling, "max_position_embeddings": 32},
    )
    olmo2 = Model("olmo2", 3, 3, 25, 2e-3, 500000.0, part)
    recurrent(
        os.path.join(root, "olmo2-retrofit"), olmo2, {"prelude": 1, "core_block": 1, "coda": 1},
        1.0, 0.5, False, 2, 1,
        {"rope_theta": 500000.0, "rope_scaling": None, "max_position_embeddings": 32},
    )
    huginn = Model("huginn", 3, 3, 21, 5e-4, 50000.0, part)
    recurrent(
        os.path.join(root, "huginn"), huginn, {"prelude": 1, "core_block": 2, "coda": 1},
        np.sqrt(WIDTH), np.sqrt(0.4), True, 0, 3,
        {"rope_base": 50000, "qk_bias": True},
    )
    tied = Model("llama", 4, 2, 23, 3e-3, 10000.0, part)
    fixed(os.path.join(root, "llama-tied"), tied, 2, {"rope_theta": 10000.0})


if __name__ == "__main__":
    main()

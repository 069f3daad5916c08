package rondo.bench.peers;

import rondo.bench.StepConfig;

/** The model's functions in TorchScript, with its sizes written in. */
final class LibtorchScript {
  private LibtorchScript() {}

  /** One function, named forward, with what it needs. */
  static String of(StepConfig config, String function) {
    return text(config).replace("def " + function + "(", "def forward(");
  }

  private static String text(StepConfig config) {
    var model = config.model();
    var b = model.block();
    return TEXT.replace("WIDTH", "" + b.width())
        .replace("BATCH", "" + config.batch())
        .replace("TIME", "" + config.time())
        .replace("HEAD_DIM", "" + b.headDim())
        .replace("KV_HEADS", "" + b.kvHeads())
        .replace("QK_HEADS", "" + (b.heads() + b.kvHeads()))
        .replace("ALL_HEADS", "" + (b.heads() + 2 * b.kvHeads()))
        .replace("QUERIES", "" + b.queryWidth())
        .replace("HEADS", "" + b.heads())
        .replace("SHARED", "" + b.heads() / b.kvHeads())
        .replace("STATE_STD", "" + model.stateStd());
  }

  private static final String TEXT =
      """
        def rotate(self: __torch__.Peer, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
          halves = torch.chunk(x, 2, -1)
          a = halves[0]
          b = halves[1]
          return torch.cat([torch.sub(torch.mul(a, cos), torch.mul(b, sin)), torch.add(torch.mul(b, cos), torch.mul(a, sin))], -1)
        def block(self: __torch__.Peer, x: Tensor, cos: Tensor, sin: Tensor, p: List[Tensor], i: int) -> Tensor:
          n1 = torch.rms_norm(x, [WIDTH], p[torch.mul(i, 6)], 1.0000000000000001e-05)
          qkv = torch.transpose(torch.view(torch.linear(n1, p[torch.add(torch.mul(i, 6), 1)]), [BATCH, TIME, ALL_HEADS, HEAD_DIM]), 1, 2)
          qk = (self).rotate(torch.narrow(qkv, 1, 0, QK_HEADS), cos, sin)
          q = torch.narrow(qk, 1, 0, HEADS)
          k = torch.repeat_interleave(torch.narrow(qk, 1, HEADS, KV_HEADS), SHARED, 1)
          v = torch.repeat_interleave(torch.narrow(qkv, 1, QK_HEADS, KV_HEADS), SHARED, 1)
          y = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
          y0 = torch.reshape(torch.transpose(y, 1, 2), [BATCH, TIME, QUERIES])
          x0 = torch.add(x, torch.linear(y0, p[torch.add(torch.mul(i, 6), 2)]))
          n2 = torch.rms_norm(x0, [WIDTH], p[torch.add(torch.mul(i, 6), 3)], 1.0000000000000001e-05)
          halves = torch.chunk(torch.linear(n2, p[torch.add(torch.mul(i, 6), 4)]), 2, -1)
          h = torch.mul(torch.silu(halves[0]), halves[1])
          return torch.add(x0, torch.linear(h, p[torch.add(torch.mul(i, 6), 5)]))
        def inject(self: __torch__.Peer, tokens: Tensor, embedding: Tensor, adapter: Tensor, cos: Tensor, sin: Tensor, p: List[Tensor]) -> Tensor:
          e = torch.embedding(embedding, tokens)
          for i in range(torch.floordiv(torch.len(p), 6)):
            e = (self).block(e, cos, sin, p, i)
          return torch.linear(e, torch.narrow(adapter, 1, WIDTH, WIDTH))
        def noise(self: __torch__.Peer, like: Tensor) -> Tensor:
          return torch.mul(torch.randn_like(like), STATE_STD)
        def recur(self: __torch__.Peer, s: Tensor, e: Tensor, adapter: Tensor, cos: Tensor, sin: Tensor, p: List[Tensor]) -> Tensor:
          x = torch.add(torch.linear(s, torch.narrow(adapter, 1, 0, WIDTH)), e)
          for i in range(torch.floordiv(torch.len(p), 6)):
            x = (self).block(x, cos, sin, p, i)
          return x
        def loss(self: __torch__.Peer, s: Tensor, targets: Tensor, cos: Tensor, sin: Tensor, norm: Tensor, head: Tensor, p: List[Tensor]) -> Tensor:
          x = s
          for i in range(torch.floordiv(torch.len(p), 6)):
            x = (self).block(x, cos, sin, p, i)
          logits = torch.linear(torch.rms_norm(x, [WIDTH], norm, 1.0000000000000001e-05), head)
          return torch.cross_entropy_loss(torch.flatten(logits, 0, 1), targets)
        def clip(self: __torch__.Peer, g: List[Tensor]) -> Tensor:
          total = torch.norm(torch.stack(torch._foreach_norm(g, 2)))
          factor = torch.clamp(torch.reciprocal(torch.add(total, 9.9999999999999995e-07)), None, 1.)
          torch._foreach_mul_(g, factor)
          return total
        def muon(self: __torch__.Peer, m: Tensor, p: List[Tensor], g: List[Tensor], step: float) -> Tensor:
          gradient = torch.stack(g)
          _0 = torch.lerp_(m, gradient, 0.050000000000000003)
          u = torch.lerp(gradient, m, 0.94999999999999996)
          tall = torch.gt(torch.size(u, 1), torch.size(u, 2))
          x = torch.div(u, torch.add(torch.norm(u, 2, [1, 2], True), 9.9999999999999995e-08))
          if tall:
            x = torch.transpose(x, 1, 2)
          else:
            pass
          for i in range(5):
            gram = torch.bmm(x, torch.transpose(x, 1, 2))
            poly = torch.baddbmm(gram, gram, gram, beta=-4.7750000000000004, alpha=2.0314999999999999)
            x = torch.baddbmm(x, poly, x, beta=3.4445000000000001, alpha=1)
          if tall:
            x = torch.transpose(x, 1, 2)
          else:
            pass
          torch._foreach_mul_(p, 0.99999000000000005)
          torch._foreach_add_(p, torch.unbind(x, 0), alpha=step)
          torch._foreach_zero_(g)
          return m
        def adamw(self: __torch__.Peer, p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], t: List[Tensor]) -> Tensor:
          torch._foreach_add_(t, 1)
          none = annotate(List[Tensor], [])
          torch._fused_adamw_(p, g, m, v, none, t, lr=0.0001, beta1=0.90000000000000002, beta2=0.94999999999999996, weight_decay=0.01, eps=1e-08, amsgrad=False, maximize=False)
          torch._foreach_zero_(g)
          return t[0]
      """
          .indent(0);
}

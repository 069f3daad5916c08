package rondo.engine.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Shape rules: the message names the operation and the operands, in one line. */
class ShapeRulesTest {
  private final Graph g = new Graph();
  private final Heads heads = new Heads(4, 2, 6);
  private final Tensor a = g.input("a", TensorType.f32(2, 3));
  private final Tensor b = g.input("b", TensorType.f32(2, 4));
  private final Tensor stack = g.input("stack", TensorType.f32(2, 3, 48));
  private final Tensor ids = g.input("ids", TensorType.i32(2, 3));
  private final Tensor clip = g.input("clip", TensorType.f32(2));

  private static void assertRefused(String operation, List<Tensor> operands, Executable call) {
    var message = String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.startsWith(operation), message);
    operands.forEach(t -> assertTrue(message.contains(t.toString()), message));
  }

  @Test
  void elementwise() {
    assertRefused("add: ", List.of(a, b), () -> new Add(a, b));
    assertRefused("add: ", List.of(ids), () -> new Add(ids, ids));
    assertRefused("scale: ", List.of(ids), () -> new Scale(ids, 2));
    assertRefused("cast: ", List.of(ids), () -> new Cast(ids, DType.F32));
    assertRefused("cast: ", List.of(a), () -> new Cast(a, DType.I32));
    assertRefused("gatedSilu: ", List.of(a), () -> new GatedSilu(a));
    assertRefused("gatedSilu gradient: ", List.of(b, a), () -> new GatedSilu.Gradient(b, a));
    assertRefused("gatedSilu gradient: ", List.of(ids), () -> new GatedSilu.Gradient(ids, ids));
  }

  @Test
  void products() {
    assertRefused("matmul: ", List.of(a, b), () -> MatMul.linear(a, b));
    var w = g.input("w", TensorType.f32(5, 3));
    assertRefused("matmul: addend ", List.of(a), () -> MatMul.linear(a, w, a));
    assertRefused(
        "matmul: ", List.of(a, b), () -> new MatMul(a, false, b, false, true, 1, null, 0, false));
    var three = g.input("three", TensorType.f32(3, 48, 5));
    assertRefused(
        "matmul: ",
        List.of(stack, three),
        () -> new MatMul(stack, false, three, false, true, 1, null, 0, false));
    assertRefused("matmul: ", List.of(clip, a), () -> MatMul.linear(clip, a));
    assertRefused("matmul: ", List.of(ids), () -> MatMul.linear(ids, a));
    assertRefused("matmul: ", List.of(ids), () -> MatMul.linear(a, ids));
  }

  @Test
  void activationsOfOneOperationAreOfOneType() {
    var low = g.input("low", TensorType.of(DType.BF16, 2, 3));
    var sized = g.input("sized", TensorType.of(DType.BF16, 3));
    assertRefused("add: ", List.of(a, low), () -> new Add(a, low));
    assertRefused(
        "gatedSilu gradient: ",
        List.of(low),
        () -> new GatedSilu.Gradient(g.input("x", TensorType.f32(2, 6)), low));
    assertRefused("rmsNorm: ", List.of(a, low), () -> new RmsNorm(a, low, gain3(), 0));
    assertRefused("rmsNorm: gain", List.of(sized), () -> new RmsNorm(low, null, sized, 0));
    assertRefused("sumSquares: ", List.of(low), () -> new SumSquares(low));
    var head = g.input("head", TensorType.f32(11, 3));
    var targets = g.input("targets", TensorType.i32(2));
    assertRefused(
        "linearCrossEntropy: head",
        List.of(low, head),
        () -> new LinearCrossEntropy(low, head, targets, 1, 1));
    assertRefused(
        "matmul: addend ",
        List.of(a),
        () -> new MatMul(low, false, head, true, false, 1, a, 1, false));
    assertRefused("embedding: ", List.of(head), () -> new Embedding(head, ids, 1, DType.I8));
  }

  private Tensor gain3() {
    return g.input("gain", TensorType.f32(3));
  }

  @Test
  void gradientsOfWeightsAreInF32WhateverTheWeights() {
    var low = g.input("low", TensorType.of(DType.BF16, 2, 3));
    var w = g.input("w", TensorType.of(DType.BF16, 5, 3));
    var y = g.add(MatMul.linear(low, w));
    assertEquals(TensorType.of(DType.BF16, 2, 5), y.type());
    var d = Gradients.of(y, g.input("dy", y.type()), List.of(low, w));
    assertEquals(List.of(low.type(), TensorType.f32(5, 3)), d.stream().map(Tensor::type).toList());
    assertEquals(TensorType.f32(2, 5), g.add(MatMul.linear(low, w, DType.F32)).type());
    var table = g.input("table", TensorType.of(DType.BF16, 7, 3));
    var tokens = g.input("tokens", TensorType.i32(2));
    var x = g.add(new Embedding(table, tokens, 1, DType.BF16));
    var loss = g.add(new LinearCrossEntropy(x, table, tokens, 2, 1));
    assertEquals(TensorType.f32(7, 3), Gradients.of(loss, null, List.of(table)).getFirst().type());
    var master = g.input("master", TensorType.f32(5, 3));
    var z = g.add(MatMul.linear(low, g.add(new Cast(master, DType.BF16))));
    var dmaster = Gradients.of(z, g.input("dz", z.type()), List.of(master)).getFirst();
    assertEquals(master.type(), dmaster.type());
  }

  @Test
  void weightsOfEightBits() {
    assertRefused("quantizeRows: ", List.of(a), () -> new QuantizeRows(a, DType.BF16));
    assertRefused("quantizeRows: ", List.of(stack), () -> new QuantizeRows(stack, DType.I8));
    assertRefused("quantizeRows: ", List.of(ids), () -> new QuantizeRows(ids, DType.I8));
    var q = g.input("q", TensorType.of(DType.E4M3, 5, 3));
    var scale = g.input("scale", TensorType.f32(5));
    assertEquals(TensorType.f32(2, 5), g.add(new QuantizedLinear(a, q, scale)).type());
    assertRefused("quantizedLinear: ", List.of(b), () -> new QuantizedLinear(a, b, scale));
    assertRefused(
        "quantizedLinear: ", List.of(stack, q), () -> new QuantizedLinear(stack, q, scale));
    assertRefused("quantizedLinear: scale", List.of(clip), () -> new QuantizedLinear(a, q, clip));
  }

  @Test
  void productsWithoutAGradientSaySo() {
    var y = g.add(new MatMul(a, true, a, false, false, 1, null, 0, false));
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Gradients.of(y, g.input("dy", y.type()), List.of(a)));
    assertTrue(String.valueOf(e.getMessage()).startsWith("matmul: only"), e.getMessage());
  }

  @Test
  void tokensIn() {
    assertRefused("embedding: ", List.of(a), () -> new Embedding(b, a, 1));
    assertRefused("embedding: ", List.of(stack), () -> new Embedding(stack, ids, 1));
    assertRefused("embedding: ", List.of(ids), () -> new Embedding(ids, ids, 1));
    assertRefused(
        "embedding gradient: tokens", List.of(ids, b), () -> new Embedding.Gradient(ids, b, 5, 1));
    assertRefused(
        "embedding gradient: ", List.of(ids), () -> new Embedding.Gradient(ids, ids, 5, 1));
    var rows = g.input("rows", TensorType.f32(2, 3, 4));
    assertRefused(
        "embedding gradient: vocabulary 0",
        List.of(),
        () -> new Embedding.Gradient(ids, rows, 0, 1));
  }

  @Test
  void norms() {
    assertRefused("rmsNorm: gain", List.of(clip), () -> new RmsNorm(a, null, clip, 0));
    var gain = g.input("gain", TensorType.f32(3));
    assertRefused("rmsNorm: ", List.of(a, b), () -> new RmsNorm(a, b, gain, 0));
    assertRefused("rmsNorm: ", List.of(ids), () -> new RmsNorm(ids, null, gain, 0));
    var what = "rmsNorm gradient: ";
    assertRefused(what, List.of(ids), () -> new RmsNorm.Gradient(ids, gain, clip, a, null));
    assertRefused(what + "gain", List.of(clip), () -> new RmsNorm.Gradient(a, clip, clip, a, null));
    assertRefused(what + "rstd", List.of(gain), () -> new RmsNorm.Gradient(a, gain, gain, a, null));
    assertRefused(what, List.of(a, b), () -> new RmsNorm.Gradient(a, gain, clip, b, null));
    assertRefused(what, List.of(a, b), () -> new RmsNorm.Gradient(a, gain, clip, a, b));
  }

  @Test
  void queriesKeysAndValues() {
    assertRefused("attention: ", List.of(a), () -> new Attention(a, heads, 1));
    var flat = g.input("flat", TensorType.f32(6, 48));
    assertRefused("attention: ", List.of(flat), () -> new Attention(flat, heads, 1));
    var keys = g.input("keys", TensorType.f32(12));
    var table = g.input("table", TensorType.f32(9, 3, 2));
    assertRefused(
        "rotary: positions",
        List.of(a, stack),
        () -> new Rotary(stack, a, table, heads, false, false));
    assertRefused(
        "rotary: table", List.of(a), () -> new Rotary(stack, ids, a, heads, false, false));
    var wrong = g.input("wrong", TensorType.i32(9, 3, 2));
    assertRefused(
        "rotary: table", List.of(wrong), () -> new Rotary(stack, ids, wrong, heads, false, false));
    var queries = g.input("queries", TensorType.i32(24));
    assertRefused("rotary: ", List.of(a), () -> new Rotary(a, ids, table, heads, false, false));
    assertRefused("rotary: bias", List.of(), () -> rotary(stack, clip, null, null, false));
    assertRefused(
        "rotary: query gain", List.of(keys), () -> rotary(stack, null, keys, keys, false));
    assertRefused("rotary: ", List.of(queries), () -> rotary(stack, null, queries, keys, false));
    assertRefused("rotary: ", List.of(stack), () -> rotary(stack, null, null, keys, false));
    var gain = g.input("gain", TensorType.f32(24));
    var bias = g.input("bias", TensorType.f32(36));
    assertRefused("rotary: ", List.of(stack), () -> rotary(stack, bias, gain, keys, false));
    assertRefused("rotary: ", List.of(stack), () -> rotary(stack, bias, null, null, true));
    assertRefused("heads: 3 query heads", List.of(), () -> new Heads(3, 2, 4));
    assertRefused("heads: 2 query heads", List.of(), () -> new Heads(2, 2, 5));
    assertRefused("heads: 0 query heads", List.of(), () -> new Heads(0, 2, 4));
  }

  private Rotary rotary(
      Tensor qkv,
      @Nullable Tensor bias,
      @Nullable Tensor queryGain,
      @Nullable Tensor keyGain,
      boolean inverse) {
    var positions = g.input("positions", TensorType.i32(2, 3));
    var table = g.input("table", TensorType.f32(9, 3, 2));
    return new Rotary(qkv, bias, queryGain, keyGain, 0, positions, table, heads, false, inverse);
  }

  @Test
  void gradientsOfQueriesKeysAndValues() {
    var queries = g.input("queries", TensorType.f32(24));
    var keys = g.input("keys", TensorType.f32(12));
    var rstd = g.input("rstd", TensorType.f32(6, 2));
    var norm = "rotary: norm gradient: ";
    assertRefused(
        norm, List.of(a), () -> new Rotary.NormGradient(a, queries, keys, rstd, a, heads));
    assertRefused(
        norm + "key gain",
        List.of(queries),
        () -> new Rotary.NormGradient(stack, queries, queries, rstd, stack, heads));
    assertRefused(
        norm + "rstd",
        List.of(clip),
        () -> new Rotary.NormGradient(stack, queries, keys, clip, stack, heads));
    assertRefused(
        norm,
        List.of(stack, a),
        () -> new Rotary.NormGradient(stack, queries, keys, rstd, a, heads));
    assertRefused(
        "rotary: bias gradient: ",
        List.of(a),
        () -> new Rotary.BiasGradient(a, TensorType.f32(36), heads));
    assertRefused(
        "rotary: bias gradient: bias f32[35]",
        List.of(),
        () -> new Rotary.BiasGradient(stack, TensorType.f32(35), heads));
    var out = g.input("out", TensorType.f32(2, 3, 24));
    var lse = g.input("lse", TensorType.f32(2, 4, 3));
    var attention = "attention gradient: ";
    assertRefused(attention, List.of(a), () -> new Attention.Gradient(a, out, lse, out, heads, 1));
    assertRefused(
        attention + "out",
        List.of(stack),
        () -> new Attention.Gradient(stack, stack, lse, out, heads, 1));
    assertRefused(
        attention + "logSumExp",
        List.of(out),
        () -> new Attention.Gradient(stack, out, out, out, heads, 1));
    assertRefused(
        attention, List.of(out, a), () -> new Attention.Gradient(stack, out, lse, a, heads, 1));
  }

  @Test
  void caches() {
    var cache = g.input("cache", TensorType.f32(2, 9, 2, 12));
    var start = g.input("start", TensorType.i32(2));
    assertRefused("cacheAppend: cache", List.of(a), () -> new CacheAppend(a, stack, start, heads));
    assertRefused(
        "cacheAppend: start", List.of(ids), () -> new CacheAppend(cache, stack, ids, heads));
    assertRefused(
        "cachedAttention: cache", List.of(a), () -> new CachedAttention(stack, a, start, heads, 1));
    var half = g.input("half", new TensorType(DType.BF16, Shape.of(2, 9, 2, 12)));
    assertRefused("cacheAppend: ", List.of(half), () -> new CacheAppend(half, stack, start, heads));
    assertRefused(
        "cachedAttention: ",
        List.of(half),
        () -> new CachedAttention(stack, half, start, heads, 1));
  }

  @Test
  void loss() {
    var head = g.input("head", TensorType.f32(11, 3));
    assertRefused(
        "linearCrossEntropy: head", List.of(a, b), () -> new LinearCrossEntropy(a, b, ids, 1, 1));
    assertRefused(
        "linearCrossEntropy: targets",
        List.of(ids, a),
        () -> new LinearCrossEntropy(a, head, ids, 1, 1));
    var targets = g.input("targets", TensorType.i32(2));
    assertRefused(
        "linearCrossEntropy: chunkRows 0",
        List.of(),
        () -> new LinearCrossEntropy(a, head, targets, 0, 1));
    assertRefused(
        "linearCrossEntropy: z -1.0",
        List.of(),
        () -> new LinearCrossEntropy(a, head, targets, 1, 1, -1));
  }

  @Test
  void distillation() {
    var x = g.input("x", TensorType.f32(4, 6));
    var head = g.input("head", TensorType.f32(9, 6));
    var own = new LinearCrossEntropy(x, head, g.input("t", TensorType.i32(4)), 2, 1);
    var y = g.input("y", TensorType.f32(4, 3));
    var other = g.input("other head", TensorType.f32(9, 3));
    var short_ = g.input("short", TensorType.f32(3, 3));
    var half = g.input("half", new TensorType(DType.BF16, y.shape()));
    var larger = g.input("larger", TensorType.f32(10, 3));
    for (var wrong : List.of(short_, half)) {
      assertRefused(
          "linearDistillation: teacher",
          List.of(wrong, x),
          () -> new LinearDistillation(own, wrong, other, 1, 1));
    }
    assertRefused(
        "linearDistillation: head",
        List.of(head, y),
        () -> new LinearDistillation(own, y, head, 1, 1));
    assertRefused(
        "linearDistillation: head",
        List.of(larger, head),
        () -> new LinearDistillation(own, y, larger, 1, 1));
    assertRefused(
        "linearDistillation: temperature 0.0",
        List.of(),
        () -> new LinearDistillation(own, y, other, 0, 1));
    assertRefused(
        "linearDistillation: weight 1.5",
        List.of(),
        () -> new LinearDistillation(own, y, other, 1, 1.5f));
    var made = g.addAll(new LinearDistillation(own, y, other, 1, 1));
    assertEquals(
        List.of(TensorType.f32(3), x.type(), head.type()),
        made.stream().map(Tensor::type).toList());
    // Three products of the student's, one of the teacher's.
    var program =
        Program.slice("distil", g, List.of(x, head, own.targets(), y, other), made, List.of());
    assertEquals(3 * 2 * 4 * 6 * 9 + 2 * 4 * 3 * 9, program.flops());
    assertEquals(2 * 2 * 9 * 4, new LinearDistillation(own, y, other, 1, 1).scratchBytes());
  }

  @Test
  void optimisersAndNoise() {
    assertRefused("adamW: ", List.of(a, b), () -> new AdamW(a, b, a, a, clip, clip, 0, 0, 0, 0));
    assertRefused(
        "adamW: control", List.of(clip), () -> new AdamW(a, a, a, a, clip, clip, 0, 0, 0, 0));
    var five = g.input("five", TensorType.f32(5));
    assertRefused(
        "ellisAdam: ",
        List.of(a, b),
        () -> new EllisAdam(a, b, a, a, five, clip, 0, 0, 1, 0, true, true));
    assertRefused(
        "ellisAdam: control",
        List.of(clip),
        () -> new EllisAdam(a, a, a, a, clip, clip, 0, 0, 1, 0, true, true));
    assertRefused(
        "ellisAdam: eps 0.0",
        List.of(),
        () -> new EllisAdam(a, a, a, a, five, clip, 0, 0, 0, 0, true, true));
    assertRefused("muonMomentum: ", List.of(a, b), () -> new MuonMomentum(a, b, clip, 0));
    assertRefused("muonApply: ", List.of(a, b), () -> new MuonApply(a, b, clip, 1, 0));
    assertRefused("muonApply: control", List.of(clip), () -> new MuonApply(a, a, clip, 1, 0));
    var rate = g.input("rate", TensorType.f32(1));
    assertRefused("muonApply: ", List.of(ids), () -> new MuonApply(a, ids, rate, 1, 0));
    var half = g.input("half", new TensorType(DType.BF16, Shape.of(2, 3)));
    var three = g.input("three", TensorType.f32(3));
    assertRefused(
        "adamW: ", List.of(half), () -> new AdamW(half, half, half, half, three, clip, 0, 0, 0, 0));
    assertRefused("muonMomentum: ", List.of(half), () -> new MuonMomentum(half, half, clip, 0));
    assertRefused("clipFactor: ", List.of(clip), () -> new ClipFactor(clip, 1));
    assertRefused(
        "normalizeMatrices: ", List.of(stack), () -> new NormalizeMatrices(stack, 0, DType.I32));
    assertRefused("normalizeMatrices: ", List.of(a), () -> new NormalizeMatrices(a, 0, DType.F32));
    assertRefused(
        "truncatedNormal: key", List.of(ids), () -> new TruncatedNormal(ids, Shape.of(3), 1, 3));
    assertRefused("shape [2, 0]", List.of(), () -> Shape.of(2, 0));
    assertRefused("gradient: ", List.of(a, b), () -> Gradients.of(a, b, List.of(a)));
  }
}

package rondo.engine.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
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
  }

  @Test
  void norms() {
    assertRefused("rmsNorm: gain", List.of(clip), () -> new RmsNorm(a, null, clip, 0));
    var gain = g.input("gain", TensorType.f32(3));
    assertRefused("rmsNorm: ", List.of(a, b), () -> new RmsNorm(a, b, gain, 0));
    assertRefused("rmsNorm: ", List.of(ids), () -> new RmsNorm(ids, null, gain, 0));
  }

  @Test
  void queriesKeysAndValues() {
    assertRefused("attention: ", List.of(a), () -> new Attention(a, heads, 1));
    var flat = g.input("flat", TensorType.f32(6, 48));
    assertRefused("attention: ", List.of(flat), () -> new Attention(flat, heads, 1));
    assertRefused("qkBias: bias", List.of(clip), () -> new QkBias(stack, clip, heads));
    assertRefused("qkBias: ", List.of(a), () -> new QkBias(a, clip, heads));
    var keys = g.input("keys", TensorType.f32(12));
    assertRefused(
        "qkNorm: query gain", List.of(keys), () -> new QkNorm(stack, keys, keys, 0, heads));
    var table = g.input("table", TensorType.f32(9, 3, 2));
    assertRefused(
        "rotary: positions",
        List.of(a, stack),
        () -> new Rotary(stack, a, table, heads, false, false));
    assertRefused(
        "rotary: table", List.of(a), () -> new Rotary(stack, ids, a, heads, false, false));
    assertRefused("heads: 3 query heads", List.of(), () -> new Heads(3, 2, 4));
    assertRefused("heads: 2 query heads", List.of(), () -> new Heads(2, 2, 5));
    assertRefused("heads: 0 query heads", List.of(), () -> new Heads(0, 2, 4));
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
  }

  @Test
  void optimisersAndNoise() {
    assertRefused("adamW: ", List.of(a, b), () -> new AdamW(a, b, a, a, clip, clip, 0, 0, 0, 0));
    assertRefused(
        "adamW: control", List.of(clip), () -> new AdamW(a, a, a, a, clip, clip, 0, 0, 0, 0));
    assertRefused("muonMomentum: ", List.of(a, b), () -> new MuonMomentum(a, b, clip, 0));
    assertRefused("muonApply: ", List.of(a, b), () -> new MuonApply(a, b, clip, 1, 0));
    assertRefused("normalizeMatrices: ", List.of(a), () -> new NormalizeMatrices(a, 0, DType.F32));
    assertRefused(
        "truncatedNormal: key", List.of(ids), () -> new TruncatedNormal(ids, Shape.of(3), 1, 3));
    assertRefused("shape [2, 0]", List.of(), () -> Shape.of(2, 0));
    assertRefused("gradient: ", List.of(a, b), () -> Gradients.of(a, b, List.of(a)));
  }
}

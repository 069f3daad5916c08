package rondo.engine.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What slicing keeps, what it refuses, and what a program knows of itself. */
class ProgramTest {
  private final Graph g = new Graph();

  private Tensor input(String name, int... dims) {
    return g.input(name, TensorType.f32(dims));
  }

  private Program slice(List<Tensor> given, List<Tensor> results, List<Tensor> added) {
    return Program.slice("test", g, given, results, added);
  }

  private static List<Class<?>> operations(Program program) {
    return program.steps().stream()
        .<Class<?>>map(
            s -> s instanceof Program.Run(var node, _, _) ? node.op().getClass() : s.getClass())
        .toList();
  }

  private static void assertRefused(
      String message, org.junit.jupiter.api.function.Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void slicingStopsAtWhatIsGiven() {
    var x = input("x", 2, 3);
    var y = g.add(new Scale(x, 2));
    var z = g.add(new Add(y, y));
    g.add(new Scale(z, 3)); // not needed
    assertEquals(
        List.of(Scale.class, Add.class), operations(slice(List.of(x), List.of(z), List.of())));
    assertEquals(List.of(Add.class), operations(slice(List.of(y), List.of(z), List.of())));
    assertEquals(List.of(Add.class), operations(slice(List.of(x, y), List.of(z), List.of())));
  }

  @Test
  void whatIsNeededButNotGivenIsNamed() {
    var x = input("x", 2, 3);
    var z = g.add(new Add(x, input("y", 2, 3)));
    assertRefused(
        "test: %1(y):f32[2×3] is needed but not given",
        () -> slice(List.of(x), List.of(z), List.of()));
  }

  @Test
  void resultsMustBeComputedAndCannotAlsoBeAdded() {
    var x = input("x", 2, 3);
    var y = g.add(new Scale(x, 2));
    var z = g.add(new Scale(y, 2));
    assertRefused(
        "test: result %0(x):f32[2×3] is not computed here",
        () -> slice(List.of(x), List.of(x), List.of()));
    assertRefused(
        "test: result %1:f32[2×3] is not computed here",
        () -> slice(List.of(x, y), List.of(z, y), List.of()));
    assertRefused(
        "test: %2:f32[2×3] is both written and added",
        () -> slice(List.of(x), List.of(z), List.of(z)));
  }

  @Test
  void operandsOfAnotherGraphAreRefused() {
    var other = new Graph().input("x", TensorType.f32(2, 3));
    assertRefused(
        "Scale: %0(x):f32[2×3] belongs to another graph", () -> g.add(new Scale(other, 2)));
  }

  @Test
  void elementwiseOperationsReuseTheBytesOfTheirLastRead() {
    var x = input("x", 100, 64);
    var y = g.add(new Scale(g.add(new Scale(g.add(new Scale(x, 2)), 2)), 2));
    var out = g.add(new GatedSilu(y));
    assertEquals(
        100 * 64 * 4, slice(List.of(x), List.of(out), List.of()).workspaceBytes(), "one buffer");
    var product = g.add(MatMul.linear(y, input("w", 64, 64)));
    var twice = g.add(new Scale(product, 2));
    var last = g.add(new GatedSilu(twice));
    var w = g.nodes().get(4).op().inputs().get(1);
    assertEquals(
        2 * 100 * 64 * 4,
        slice(List.of(x, w), List.of(last), List.of()).workspaceBytes(),
        "a product needs its operand and its result");
  }

  @Test
  void aValueThatIsReadAgainIsNotOverwritten() {
    var x = input("x", 100, 64);
    var y = g.add(new Scale(x, 2));
    var z = g.add(new Scale(y, 3));
    var out = g.add(new Add(y, z));
    assertEquals(2 * 100 * 64 * 4, slice(List.of(x), List.of(out), List.of()).workspaceBytes());
  }

  @Test
  void aResultMayOverwriteAnInputOnlyAfterItsLastRead() {
    var x = input("x", 2, 8);
    var w = input("w", 8, 8);
    var product = g.add(MatMul.linear(x, w));
    var sum = g.add(new Add(product, x));
    var after = g.add(new Scale(product, 2));
    var given = List.of(x, w);
    assertTrue(
        slice(given, List.of(sum), List.of()).mayOverwrite(x, sum), "read by its own writer");
    assertTrue(slice(given, List.of(after), List.of()).mayOverwrite(x, after), "read before");
    assertFalse(slice(given, List.of(product), List.of()).mayOverwrite(x, product), "a product");
    var both = slice(given, List.of(sum, after), List.of());
    assertTrue(both.mayOverwrite(x, after));
    assertTrue(both.mayOverwrite(x, sum));
    assertFalse(slice(given, List.of(product, sum), List.of()).mayOverwrite(x, product));
  }

  @Test
  void producersThatCanAccumulateDoAndOthersAreAddedAfterwards() {
    var dy = input("dy", 2, 3, 5);
    var x = input("x", 2, 3, 4);
    var dw = g.add(new MatMul(dy, true, x, false, false, 1, null, 0, false));
    var half = g.add(new Scale(dy, 0.5f));
    var program = slice(List.of(dy, x), List.of(), List.of(dw, half));
    assertEquals(List.of(MatMul.class, Scale.class, Program.AddInto.class), operations(program));
    assertEquals(Set.of(0), ((Program.Run) program.steps().getFirst()).accumulated());
    // Read again, it must exist by itself.
    var norm = g.add(new SumSquares(dw));
    program = slice(List.of(dy, x), List.of(norm), List.of(dw));
    assertEquals(
        List.of(MatMul.class, Program.AddInto.class, SumSquares.class), operations(program));
  }

  @Test
  void oneOfTwoGainsAloneIsAddedAfterwards() {
    var h = new Heads(2, 1, 4);
    var qkv = input("qkv", 2, 3, 16);
    var gain = input("queries", 8);
    var keys = input("keys", 4);
    var rstd = input("rstd", 6, 2);
    var d = g.addAll(new Rotary.NormGradient(qkv, gain, keys, rstd, input("dy", 2, 3, 16), h));
    var given = List.of(qkv, gain, keys, rstd, g.nodes().getFirst().op().inputs().get(4));
    var program = slice(given, List.of(d.get(0), d.get(1)), List.of(d.get(2)));
    assertEquals(List.of(Rotary.NormGradient.class, Program.AddInto.class), operations(program));
    program = slice(given, List.of(d.get(0)), List.of(d.get(1), d.get(2)));
    assertEquals(List.of(Rotary.NormGradient.class), operations(program));
  }

  @Test
  void floatingPointOperationsAndBytesAreCounted() {
    var x = input("x", 2, 3, 5);
    var w = input("w", 7, 5);
    var y = g.add(MatMul.linear(x, w));
    var program = slice(List.of(x, w), List.of(y), List.of());
    assertEquals(2 * 6 * 5 * 7, program.flops());
    assertEquals(4 * (6 * 5 + 7 * 5 + 6 * 7), program.bytes());
    var targets = g.input("targets", TensorType.i32(2, 3));
    var head = input("head", 11, 7);
    var loss = g.addAll(new LinearCrossEntropy(y, head, targets, 4, 1));
    var given = List.of(y, head, targets);
    assertEquals(2 * 6 * 7 * 11, slice(given, List.of(loss.get(0)), List.of()).flops());
    assertEquals(3 * 2 * 6 * 7 * 11, slice(given, loss, List.of()).flops());
    assertEquals(
        4 * 4 * 11,
        slice(given, List.of(loss.get(0)), List.of()).scratch().size() * 176,
        "scratch");
    var qkv = input("qkv", 2, 10, 24);
    var heads = new Heads(2, 2, 4);
    var attention = g.addAll(new Attention(qkv, heads, 1));
    // Half of the time × time pairs, two products of them.
    assertEquals(
        2 * 2 * 8 * 100, slice(List.of(qkv), List.of(attention.get(0)), List.of()).flops());
    var gram = new MatMul(qkv, false, qkv, true, true, 1, null, 0, true);
    assertEquals(2 * 10 * 10 * 24, gram.flops(), "half of a symmetric product, twice");
  }

  @Test
  void optionalOutputsThatNobodyReadsAreLeftOut() {
    var x = input("x", 2, 8);
    var gain = input("gain", 8);
    var y = g.addAll(new RmsNorm(x, null, gain, 0.1f));
    var run = slice(List.of(x, gain), List.of(y.get(0)), List.of()).steps().getFirst();
    assertEquals(Set.of(0), ((Program.Run) run).wanted());
  }

  @Test
  void bytesAreOfWhatIsMade() {
    var x = input("x", 2, 8);
    var gain = input("gain", 8);
    var y = g.addAll(new RmsNorm(x, null, gain, 0.1f));
    var given = List.of(x, gain);
    assertEquals(4 * (16 + 8 + 16), slice(given, List.of(y.get(0)), List.of()).bytes());
    assertEquals(4 * (16 + 8 + 16 + 2), slice(given, y, List.of()).bytes());
  }

  @Test
  void whatIsGivenIsMadeAgainOnlyInScratch() {
    var x = input("x", 2, 8);
    var gain = input("gain", 8);
    var y = g.addAll(new RmsNorm(x, null, gain, 0.1f));
    var program = slice(List.of(x, gain, y.get(0)), List.of(y.get(1)), List.of());
    var run = (Program.Run) program.steps().getFirst();
    assertEquals(Set.of(1), run.wanted());
    assertTrue(run.discards(0) && !run.discards(1));
    assertEquals(List.of(0L), program.scratch());
    assertEquals(Program.ALIGNMENT, program.workspaceBytes(), "64 bytes of y, aligned");
  }

  @Test
  void anUpdateOfWhatIsGivenIsRefused() {
    var m = input("m", 4);
    var out = g.addAll(new MuonMomentum(m, input("g", 4), input("clip", 2), 0.9f));
    var inputs = g.nodes().getFirst().op().inputs();
    var given = List.of(m, inputs.get(1), inputs.get(2), out.get(0));
    assertRefused(
        "test: %3:f32[4] is given, and making the others of its step would update it again",
        () -> slice(given, List.of(out.get(1)), List.of()));
  }
}

package rondo.engine.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import rondo.engine.device.Device;
import rondo.engine.graph.Shape;

/** Where parameters lie in the flat run that weights, gradients and moments share. */
class ParameterLayoutTest {
  private final Parameter table = Parameter.embedding("table", 5, 4);
  private final Parameter a = Parameter.body("a", 3, 4);
  private final Parameter b = Parameter.body("b", 2, 4);
  private final Parameter gain = Parameter.gain("gain", 4);
  private final Parameter c = Parameter.body("c", 3, 4);
  private final ParameterLayout layout = new ParameterLayout(List.of(table, a, gain, b, c));

  @Test
  void matricesOfOneShapeLieSideBySideAndTheRestAfterThem() {
    assertEquals(
        List.of(
            new ParameterLayout.Stack(List.of(a, c), 0, Shape.of(3, 4)),
            new ParameterLayout.Stack(List.of(b), 24, Shape.of(2, 4))),
        layout.stacks());
    assertEquals(32, layout.restOffset());
    assertEquals(32 + 20 + 4, layout.elements());
    assertEquals(List.of(table, a, gain, b, c), layout.parameters());
  }

  @Test
  void everyElementBelongsToExactlyOneParameter() {
    try (var device = Device.plain();
        var region = device.allocate("weights", layout.bytes())) {
      float next = 1;
      for (var p : layout.parameters()) {
        var values = new float[(int) p.shape().size()];
        java.util.Arrays.fill(values, next++);
        device.write(layout.of(p, region), values);
      }
      var counts = new int[6];
      for (float v : device.floats(layout.all(region))) {
        counts[(int) v]++;
      }
      assertEquals(List.of(0, 20, 12, 4, 8, 12), java.util.Arrays.stream(counts).boxed().toList());
      var stack = device.floats(layout.of(layout.stacks().getFirst(), region));
      assertEquals(2, stack[0]);
      assertEquals(5, stack[12]);
    }
  }

  @Test
  void runsHoldWholeParametersAndNoMoreThanATensorCan() {
    assertEquals(List.of(new ParameterLayout.Run(0, 56)), layout.runs());
    assertEquals(List.of(a, c, b, table, gain), layout.inMemory());
    assertEquals(12, layout.offset(c));
    var large = Parameter.embedding("large", 1 << 16, 1 << 14);
    var larger = Parameter.embedding("larger", 1 << 16, (1 << 14) + 1);
    long first = 1L << 30;
    assertEquals(
        List.of(
            new ParameterLayout.Run(0, 12 + first),
            new ParameterLayout.Run(12 + first, first + (1 << 16) + 4)),
        new ParameterLayout(List.of(large, larger, a, gain)).runs());
  }

  @Test
  void namesAreUniqueAndStrangersAreNamed() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new ParameterLayout(List.of(a, Parameter.gain("a", 3))));
    assertEquals("parameters: two share a name", e.getMessage());
    try (var device = Device.plain();
        var region = device.allocate("weights", layout.bytes())) {
      e =
          assertThrows(
              IllegalArgumentException.class,
              () -> layout.of(Parameter.gain("stranger", 3), region));
      assertEquals("parameter stranger is not in this layout", e.getMessage());
    }
  }
}

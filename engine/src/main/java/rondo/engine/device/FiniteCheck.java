package rondo.engine.device;

import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.Operand;

/**
 * Looks at everything that a step of a program has written and refuses the first element that is
 * infinite or no number, by name: what {@code RONDO_CHECK=nan} asks for. The device is waited for
 * after every step, so it is for finding a fault and not for training.
 */
final class FiniteCheck {
  private final Device device;
  private final Functions functions;
  private final Region memory;
  private final Buffer first;

  FiniteCheck(Device device, Functions functions) {
    this.device = device;
    this.functions = functions;
    memory = device.allocate("first value that is not finite", Long.BYTES);
    first = memory.next(TensorType.i64(1));
  }

  /**
   * Checks what a step has just written.
   *
   * @throws IllegalStateException naming program, step, output and element
   */
  void after(Program program, int step, Binding addresses) {
    switch (program.steps().get(step)) {
      case Program.Run(var node, var wanted, var accumulated) -> {
        for (int i = 0; i < node.outputs().size(); i++) {
          if (wanted.contains(i)) {
            var t = node.outputs().get(i);
            check(program, step, i, t, addresses.operand(t, accumulated.contains(i)));
          }
        }
      }
      case Program.AddInto(var t) -> check(program, step, 0, t, addresses.operand(t, true));
    }
  }

  private void check(Program program, int step, int output, Tensor t, Operand written) {
    if (!t.dtype().isFloat()) {
      return;
    }
    long width = t.shape().last();
    boolean dense = written.stride() == width;
    long rows = dense ? 1 : t.shape().rows();
    long length = dense ? t.shape().size() : width;
    for (long r = 0; r < rows; r++) {
      var row = written.memory().asSlice(r * written.stride() * t.dtype().bytes());
      functions.firstNonfinite(t.dtype().code(), row, length, first.pointer());
      long index = device.longs(first)[0];
      if (index >= 0) {
        throw new IllegalStateException(
            "%s, step %d (%s): element %d of output %d, %s, is not finite"
                .formatted(
                    program.name(), step, program.steps().get(step), r * width + index, output, t));
      }
    }
  }

  void close() {
    memory.close();
  }
}

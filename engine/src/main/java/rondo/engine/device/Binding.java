package rondo.engine.device;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.nativelib.Operand;

/** Addresses for every value of a program, checked once so that launches need no checks. */
final class Binding {
  private final Program program;
  private final Map<Integer, Operand> operands = new HashMap<>();
  private final Map<Integer, Operand> targets = new HashMap<>();
  private final Map<Tensor, Buffer> bindings;
  private final Region workspace;

  Binding(Program program, Map<Tensor, Buffer> bindings, Region workspace) {
    this.program = program;
    this.bindings = bindings;
    this.workspace = workspace;
    for (var t : program.given()) {
      operands.put(t.id(), bound(t));
    }
    for (var t : program.results()) {
      operands.put(t.id(), bound(t));
    }
    for (var t : program.added()) {
      targets.put(t.id(), bound(t));
    }
    program
        .offsets()
        .forEach(
            (id, offset) -> operands.put(id, new Operand(workspace.memory().asSlice(offset), -1)));
    checkUpdates();
    checkViews();
    checkOverlaps();
  }

  private Operand bound(Tensor t) {
    var buffer = buffer(t);
    if (!buffer.type().equals(t.type())) {
      throw new IllegalArgumentException(
          program.name() + ": " + t + " is bound to a buffer of " + buffer.type());
    }
    return new Operand(buffer.pointer(), buffer.stride());
  }

  private Buffer buffer(Tensor t) {
    var buffer = bindings.get(t);
    if (buffer == null) {
      throw new IllegalArgumentException(program.name() + ": " + t + " is not bound");
    }
    return buffer;
  }

  /** Updates in place need input and output on the same memory. */
  private void checkUpdates() {
    for (var step : program.steps()) {
      if (step instanceof Program.Run(var node, _, _)) {
        for (int i = 0; i < node.outputs().size(); i++) {
          var in = node.op().updates(i);
          var out = node.outputs().get(i);
          if (in != null && address(in) != address(out)) {
            throw new IllegalArgumentException(
                program.name()
                    + ": "
                    + out
                    + " updates "
                    + in
                    + " in place: bind both to one buffer");
          }
        }
      }
    }
  }

  private long address(Tensor t) {
    var operand = operands.get(t.id());
    return operand == null ? -1 : operand.memory().address();
  }

  /** Only products read and write views with a stride. */
  private void checkViews() {
    for (var step : program.steps()) {
      if (step instanceof Program.Run(var node, _, var accumulated)
          && !(node.op() instanceof MatMul)) {
        for (var t : node.op().inputs()) {
          requireDense(t, program.given().contains(t) || program.results().contains(t));
        }
        for (int i = 0; i < node.outputs().size(); i++) {
          var t = node.outputs().get(i);
          requireDense(t, accumulated.contains(i) || program.results().contains(t));
        }
      }
      if (step instanceof Program.AddInto(var t)) {
        requireDense(t, true);
      }
    }
  }

  private void requireDense(Tensor t, boolean bound) {
    var buffer = bindings.get(t);
    if (bound && buffer != null && !buffer.isDense()) {
      throw new IllegalArgumentException(
          program.name() + ": " + t + " is bound to a view, which only products take");
    }
  }

  /**
   * Results share memory only whole: with a given value after its last read, or by an update. What
   * is added shares it only with what is added to the same place.
   */
  private void checkOverlaps() {
    var results = program.results();
    for (int i = 0; i < results.size(); i++) {
      var result = results.get(i);
      for (var in : program.given()) {
        if (address(in) != address(result)) {
          requireApart(result, in);
        } else if (!program.mayOverwrite(in, result)) {
          throw new IllegalArgumentException(
              program.name() + ": " + result + " would overwrite " + in + " before its last read");
        }
      }
      for (var other : results.subList(0, i)) {
        if (!isUpdate(result)) {
          requireApart(result, other);
        }
      }
    }
    var added = program.added();
    for (int i = 0; i < added.size(); i++) {
      var target = added.get(i);
      program.given().forEach(in -> requireApart(target, in));
      results.forEach(result -> requireApart(target, result));
      for (var other : added.subList(0, i)) {
        if (!samePlace(buffer(target), buffer(other))) {
          requireApart(target, other);
        }
      }
    }
    for (var bound : List.of(program.given(), results, added)) {
      bound.forEach(this::requireOutsideWorkspace);
    }
  }

  private static boolean samePlace(Buffer a, Buffer b) {
    return a.type().equals(b.type())
        && a.stride() == b.stride()
        && a.pointer().address() == b.pointer().address();
  }

  private boolean isUpdate(Tensor t) {
    return program.steps().stream()
        .anyMatch(s ->
            s instanceof Program.Run(var node, _, _)
                && node.outputs().contains(t)
                && node.op().updates(node.outputs().indexOf(t)) != null);
  }

  private void requireApart(Tensor a, Tensor b) {
    var first = buffer(a);
    var second = buffer(b);
    if (first.pointer().asOverlappingSlice(second.pointer()).isPresent()
        && !areDifferentColumns(first, second)) {
      throw new IllegalArgumentException(
          program.name() + ": the memory of " + a + " overlaps that of " + b);
    }
  }

  /** Views of some columns each interleave without sharing an element. */
  private static boolean areDifferentColumns(Buffer a, Buffer b) {
    if (a.stride() != b.stride() || a.dtype() != b.dtype()) {
      return false;
    }
    long bytes = a.dtype().bytes();
    long row = a.stride() * bytes;
    long apart = Math.floorMod(b.pointer().address() - a.pointer().address(), row);
    return apart >= a.type().shape().last() * bytes
        && apart + b.type().shape().last() * bytes <= row;
  }

  private void requireOutsideWorkspace(Tensor t) {
    long bytes = program.workspaceBytes();
    if (bytes > 0
        && workspace
            .memory()
            .asSlice(0, bytes)
            .asOverlappingSlice(buffer(t).pointer())
            .isPresent()) {
      throw new IllegalArgumentException(program.name() + ": " + t + " lies in the workspace");
    }
  }

  /** Where to read or write a value; for an added value, where it is added when {@code target}. */
  Operand operand(Tensor t, boolean target) {
    var operand = (target ? targets : operands).get(t.id());
    if (operand == null) {
      throw new IllegalStateException(program.name() + ": " + t + " has no memory");
    }
    return operand.stride() < 0 ? new Operand(operand.memory(), t.shape().last()) : operand;
  }

  /** The lifetimes of all memory that the program touches. */
  List<MemorySegment.Scope> scopes() {
    return Stream.concat(
            Stream.of(workspace.memory()), bindings.values().stream().map(Buffer::pointer))
        .map(MemorySegment::scope)
        .distinct()
        .toList();
  }

  MemorySegment scratch(int step) {
    long offset = program.scratch().get(step);
    return offset < 0 ? MemorySegment.NULL : workspace.memory().asSlice(offset);
  }
}

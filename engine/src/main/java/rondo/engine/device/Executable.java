package rondo.engine.device;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.Program;
import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeException;

/**
 * A program with addresses: runs any number of times, allocating nothing. Where launches cost
 * something, on a GPU, the first run launches, the second is recorded, and that recording is
 * replayed from then on.
 */
public final class Executable {
  private final Program program;
  private final Runnable[] launches;
  private final MemorySegment.Scope[] scopes;
  private final @Nullable Library recorder;
  private final @Nullable IntConsumer afterStep;
  private final long flops;
  private @Nullable MemorySegment recording;
  private boolean ran;

  /**
   * @param scopes of the memory that the launches touch: a recording outlives no check of them
   * @param recorder the library that records and replays, or null where that does not pay
   * @param afterStep awaits a step, given by its number, or looks at what it has written; then
   *     nothing is recorded
   */
  Executable(
      Program program,
      List<Runnable> launches,
      List<MemorySegment.Scope> scopes,
      @Nullable Library recorder,
      @Nullable IntConsumer afterStep) {
    this.program = program;
    this.launches = launches.toArray(new Runnable[0]);
    this.scopes = scopes.toArray(new MemorySegment.Scope[0]);
    this.recorder = afterStep != null ? null : recorder;
    this.afterStep = afterStep;
    this.flops = program.flops();
  }

  /**
   * Enqueues every step in order. What a step itself refuses names program, step and operation.
   *
   * @throws IllegalArgumentException when a value breaks the contract, such as a token outside the
   *     vocabulary; a GPU says so when it is next waited for
   * @throws IllegalStateException when memory it was bound to has been freed
   */
  public void run() {
    if (launches.length == 0) { // all that it would make is constant: nothing to record
      return;
    }
    if (recorder == null || !ran) {
      launch();
      ran = true;
      return;
    }
    for (var scope : scopes) {
      if (!scope.isAlive()) {
        throw new IllegalStateException(program.name() + ": memory it was bound to is freed");
      }
    }
    if (recording == null) {
      recording = recorder.record(this::launch);
    }
    recorder.replay(recording);
  }

  private void launch() {
    int i = 0;
    try {
      for (; i < launches.length; i++) {
        launches[i].run();
        if (afterStep != null) {
          afterStep.accept(i);
        }
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(at(i, e), e);
    } catch (NativeException e) {
      throw new IllegalStateException(at(i, e), e);
    }
  }

  private String at(int step, RuntimeException e) {
    return "%s, step %d (%s): %s"
        .formatted(program.name(), step, program.steps().get(step), e.getMessage());
  }

  /** Floating-point operations of one run. */
  public long flops() {
    return flops;
  }

  @Override
  public String toString() {
    return program.name() + ": " + launches.length + " launches, " + flops + " FLOPs";
  }
}

package rondo.nn.depth;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.Positions;
import rondo.nn.Trace;
import rondo.nn.WorkingWeights;

/** A teacher's forward pass over a step's tokens, up to the features that its head reads. */
final class TeacherPlan {
  final Distillation distillation;
  final Tensor features;
  final Tensor head;
  final Program program;
  private final Trace trace;
  private final Tensor tokens;
  private final Positions positions;

  TeacherPlan(Distillation distillation, int batch, int time, DType activations) {
    this.distillation = distillation;
    var teacher = distillation.teacher();
    var ids = TensorType.i32(batch, time);
    int size = teacher.config().block().headDim();
    trace = new Trace(activations);
    tokens = trace.input("tokens", ids);
    positions =
        new Positions(
            trace.input("positions", ids),
            trace.input("rotary table", TensorType.f32(time, size / 2, 2)));
    features = teacher.features(trace, tokens, positions);
    var given = new ArrayList<>(List.of(tokens, positions.positions(), positions.table()));
    given.addAll(trace.parameters());
    head = trace.parameter(teacher.head());
    program = Program.slice("teacher", trace.graph(), given, List.of(features), List.of());
  }

  /**
   * What outlives the program: features and rotary table, in the order that {@link #bind} takes.
   */
  List<Integer> slots(Slots slots) {
    return slots.addAll(List.of(features.type(), positions.table().type()));
  }

  /**
   * Binds the program, and puts what the loss reads where it does.
   *
   * @param weights of the teacher
   * @param ours buffers of {@link #slots}
   * @param loss bindings of the program with the loss, to add to
   * @throws IllegalArgumentException without weights
   */
  Executable bind(
      Device device,
      @Nullable WorkingWeights weights,
      Buffer ids,
      Buffer places,
      List<Buffer> ours,
      HeadLoss read,
      Map<Tensor, Buffer> loss,
      Region workspace) {
    if (weights == null) {
      throw new IllegalArgumentException("step: its plan has a teacher: expected its weights");
    }
    var config = distillation.teacher().config();
    FixedStep.writePositions(device, config, places, ours.get(1));
    var parameters = weights.bind(trace);
    var b = new HashMap<>(parameters);
    b.put(tokens, ids);
    b.put(positions.positions(), places);
    b.put(positions.table(), ours.get(1));
    b.put(features, ours.get(0));
    loss.put(read.teacher().get(0), ours.get(0));
    loss.put(read.teacher().get(1), Objects.requireNonNull(parameters.get(head)));
    return device.bind(program, b, workspace);
  }
}

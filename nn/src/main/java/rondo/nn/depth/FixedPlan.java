package rondo.nn.depth;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.DType;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.nn.FixedModel;
import rondo.nn.Positions;
import rondo.nn.Trace;

/** The one program of a training step of a fixed-depth model, and the memory it needs. */
public final class FixedPlan implements PassPlan {
  final FixedModel model;
  final Objective objective;
  final int batch;
  final int time;
  final Trace trace;
  final Tensor tokens;
  final Tensor targets;
  final Positions positions;
  final @Nullable TeacherPlan teacher;
  final HeadLoss headLoss;
  final Trace.Differentiated gradients;
  final Program program;

  /** With the cross-entropy of all parameters as its objective. */
  public FixedPlan(FixedModel model, int batch, int time, float gradScale, DType activations) {
    this(model, batch, time, Objective.of(model, gradScale), activations);
  }

  /**
   * Traces and plans.
   *
   * @param activations f32 or bf16
   */
  public FixedPlan(FixedModel model, int batch, int time, Objective objective, DType activations) {
    trace = new Trace(activations, objective.trained()::contains);
    this.model = model;
    this.objective = objective;
    this.batch = batch;
    this.time = time;
    var config = model.config();
    tokens = trace.input("tokens", TensorType.i32(batch, time));
    targets = trace.input("targets", TensorType.i32(batch, time));
    positions =
        new Positions(
            trace.input("positions", TensorType.i32(batch, time)),
            trace.input("rotary table", TensorType.f32(time, config.block().headDim() / 2, 2)));
    var features = model.features(trace, tokens, positions);
    var head = config.tied() ? trace.second(model.head()) : trace.parameter(model.head());
    teacher = objective.teacher(batch, time, activations);
    headLoss = HeadLoss.of(trace, objective, teacher, features, head, targets);
    var loss = headLoss.loss();
    gradients = trace.differentiate(loss, null, List.of());
    var given = new ArrayList<>(List.of(tokens, targets, positions.positions(), positions.table()));
    given.addAll(headLoss.teacher());
    given.addAll(trace.parameters());
    program =
        Program.slice("fixed step", trace.graph(), given, List.of(loss), gradients.ofParameters());
  }

  public long flops() {
    return program.flops() + (teacher == null ? 0 : teacher.program.flops());
  }

  public long bytes() {
    return program.bytes() + (teacher == null ? 0 : teacher.program.bytes());
  }

  @Override
  public long workspaceBytes() {
    long ours = program.workspaceBytes();
    return teacher == null ? ours : Math.max(ours, teacher.program.workspaceBytes());
  }

  @Override
  public long stateBytes() {
    return slots().bytes();
  }

  Slots slots() {
    var slots = new Slots();
    slots.add(tokens.type());
    slots.add(targets.type());
    slots.add(positions.positions().type());
    slots.add(positions.table().type());
    slots.add(headLoss.loss().type());
    if (teacher != null) {
      teacher.slots(slots);
    }
    return slots;
  }
}

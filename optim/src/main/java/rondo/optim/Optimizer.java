package rondo.optim;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/**
 * One update of all trained parameters from their gradients: a program for the global norm and the
 * factor that clips it, which may be looked at first, and one for the update. Learning rates and
 * bias corrections are written to the device before each run, so the programs replay unchanged.
 */
public final class Optimizer {
  private final Device device;
  private final UpdatePlan plan;
  private final Executable measure;
  private final Executable update;
  private final Buffer clip;
  private final Buffer controls;
  private final float[] values;
  private final Map<String, Buffer> state = new LinkedHashMap<>();

  /**
   * Binds a plan.
   *
   * @param weights region of the layout of all parameters
   * @param gradients region of the layout of the trained ones
   * @param state region of at least {@code plan.stateBytes()}
   * @param workspace region of at least {@code plan.workspaceBytes()}
   */
  public Optimizer(
      Device device,
      UpdatePlan plan,
      Region weights,
      Region gradients,
      Region state,
      Region workspace) {
    this.device = device;
    this.plan = plan;
    var bindings = new LinkedHashMap<Tensor, Buffer>();
    clip = state.next(plan.clip.type());
    bindings.put(plan.clip, clip);
    var runs = plan.trained.runs(gradients);
    for (int i = 0; i < runs.size(); i++) {
      bindings.put(plan.gradients.get(i), runs.get(i));
    }
    values = new float[plan.controls.size() * Control.STEP];
    controls = state.next(TensorType.f32(values.length));
    for (int i = 0; i < plan.controls.size(); i++) {
      var tensor = plan.controls.get(i).tensor();
      bindings.put(tensor, controls.slice((long) i * Control.STEP, tensor.shape().last()));
    }
    for (var piece : plan.pieces) {
      var type = piece.parameter().type();
      var parameter = weights.at(4 * piece.run().weights(), type);
      bindings.put(piece.parameter(), parameter);
      bindings.put(piece.updated(), parameter);
      bindings.put(piece.gradient(), gradients.at(4 * piece.run().gradients(), type));
      for (var moment : piece.moments()) {
        var buffer = state.next(type);
        this.state.put(moment.name(), buffer);
        bindings.put(moment.before(), buffer);
        bindings.put(moment.after(), buffer);
      }
    }
    measure = device.bind(plan.norm(), bindings, workspace);
    update = device.bind(plan.program(), bindings, workspace);
  }

  /**
   * Updates all parameters: {@link #measure} and {@link #apply}, without a throttle.
   *
   * @param updates taken before this one
   * @param factor of the peak learning rates
   */
  public void update(long updates, double factor) {
    measure.run();
    apply(updates, factor, 1);
  }

  /** L2 norm of all gradients before clipping; no parameter and no moment changes. */
  public float measure() {
    measure.run();
    return gradientNorm();
  }

  /**
   * Updates all parameters, clipped by the norm that was measured last.
   *
   * @param updates taken before this one
   * @param factor of the peak learning rates
   * @param throttle divisor of the learning rate of throttled groups
   */
  public void apply(long updates, double factor, double throttle) {
    for (int i = 0; i < plan.controls.size(); i++) {
      plan.controls.get(i).write(updates, factor, throttle, values, i * Control.STEP);
    }
    device.write(controls, values);
    update.run();
  }

  /** L2 norm of all gradients before clipping, as it was measured last. */
  public float gradientNorm() {
    return device.scalar(clip, 0);
  }

  /** Floating-point operations of one update. */
  public long flops() {
    return plan.program().flops(); // the norm has no products
  }

  /** Moments by name: with the number of updates, all that a resume needs. */
  public Map<String, Buffer> state() {
    return Collections.unmodifiableMap(state);
  }
}

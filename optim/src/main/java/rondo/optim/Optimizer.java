package rondo.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Executable;
import rondo.engine.device.Region;
import rondo.engine.graph.AdamW;
import rondo.engine.graph.ClipFactor;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MuonApply;
import rondo.engine.graph.MuonMomentum;
import rondo.engine.graph.Program;
import rondo.engine.graph.SumSquares;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.weights.ParameterLayout;

/**
 * One update of all parameters from their gradients: a program for the global norm and the factor
 * that clips it, which may be looked at first, and one for Muon on the stacks of body matrices and
 * AdamW on the rest, or AdamW on everything. Learning rates and bias corrections are written to the
 * device before each run, so the programs replay unchanged.
 */
public final class Optimizer {
  private final Device device;
  private final OptimizerConfig config;
  private final Executable measure;
  private final Executable update;
  private final Program program;
  private final Buffer clip;
  private final @Nullable Buffer muonControl;
  private final Buffer adamControl;
  private final Map<String, Buffer> state;

  /**
   * What an update needs, known before anything is allocated.
   *
   * @param norm makes the clip factor of the gradients
   * @param program updates by it
   */
  public record Plan(Program norm, Program program, Built built, long stateBytes) {
    /** Bytes of the workspace that both programs need. */
    public long workspaceBytes() {
      return Math.max(norm.workspaceBytes(), program.workspaceBytes());
    }
  }

  /** Bindings are by value: how each traced value finds its memory. */
  record Built(
      Graph graph,
      List<Stacked> stacks,
      @Nullable Run rest,
      Tensor gradients,
      Tensor clip,
      @Nullable Tensor muonControl,
      Tensor adamControl) {}

  record Stacked(
      ParameterLayout.Stack stack,
      Tensor parameter,
      Tensor gradient,
      Tensor moment,
      Tensor newMoment,
      Tensor newParameter) {}

  record Run(
      long offset,
      long count,
      Tensor parameter,
      Tensor gradient,
      Tensor first,
      Tensor second,
      List<Tensor> updated) {}

  /** Traces the update for a layout. */
  public static Plan plan(ParameterLayout layout, OptimizerConfig config, double maxNorm) {
    var graph = new Graph();
    var gradients = graph.input("gradients", flat(layout.elements()));
    var clip = graph.add(new ClipFactor(graph.add(new SumSquares(gradients)), (float) maxNorm));
    var adamControl = graph.input("adamw control", TensorType.f32(3));
    var norm = Program.slice("gradient norm", graph, List.of(gradients), List.of(clip), List.of());
    var given = new ArrayList<>(List.of(clip, adamControl));
    var results = new ArrayList<Tensor>();
    var stacks = new ArrayList<Stacked>();
    Tensor muonControl = null;
    OptimizerConfig.AdamWConfig adam;
    long offset = 0;
    switch (config) {
      case OptimizerConfig.MuonConfig muon -> {
        adam = muon.rest();
        offset = layout.restOffset();
        if (!layout.stacks().isEmpty()) {
          muonControl = graph.input("muon control", TensorType.f32(1));
          given.add(muonControl);
        }
        for (var stack : layout.stacks()) {
          stacks.add(muon(graph, stack, muon, clip, java.util.Objects.requireNonNull(muonControl)));
        }
      }
      case OptimizerConfig.AdamWConfig all -> adam = all;
    }
    for (var s : stacks) {
      given.addAll(List.of(s.parameter, s.gradient, s.moment));
      results.addAll(List.of(s.newMoment, s.newParameter));
    }
    Run rest = null;
    if (offset < layout.elements()) {
      rest = adamW(graph, offset, layout.elements() - offset, adam, adamControl, clip);
      given.addAll(List.of(rest.parameter, rest.gradient, rest.first, rest.second));
      results.addAll(rest.updated);
    } else {
      given.remove(adamControl);
    }
    var program = Program.slice("optimizer", graph, given, results, List.of());
    long momentBytes = Region.aligned(4 * Math.max(offset, 1));
    long adamBytes = 2 * Region.aligned(4 * Math.max(layout.elements() - offset, 1));
    return new Plan(
        norm,
        program,
        new Built(graph, stacks, rest, gradients, clip, muonControl, adamControl),
        momentBytes + adamBytes + 3 * 256);
  }

  private static Stacked muon(
      Graph graph,
      ParameterLayout.Stack stack,
      OptimizerConfig.MuonConfig config,
      Tensor clip,
      Tensor control) {
    var type = TensorType.f32(stack.dims());
    var parameter = graph.input("parameters", type);
    var gradient = graph.input("gradients", type);
    var moment = graph.input("momentum", type);
    var m = graph.addAll(new MuonMomentum(moment, gradient, clip, (float) config.momentum()));
    var direction = NewtonSchulz.trace(graph, m.get(1), config.steps(), config.precision());
    // Tall matrices get larger updates so that every shape changes outputs alike.
    double scale = Math.sqrt(Math.max(1, (double) stack.shape().dim(0) / stack.shape().dim(1)));
    var updated =
        graph.add(
            new MuonApply(
                parameter, direction, control, (float) scale, (float) config.weightDecay()));
    return new Stacked(stack, parameter, gradient, moment, m.get(0), updated);
  }

  private static Run adamW(
      Graph graph,
      long offset,
      long count,
      OptimizerConfig.AdamWConfig config,
      Tensor control,
      Tensor clip) {
    var type = flat(count);
    var parameter = graph.input("parameters", type);
    var gradient = graph.input("gradients", type);
    var first = graph.input("first moment", type);
    var second = graph.input("second moment", type);
    var updated =
        graph.addAll(
            new AdamW(
                parameter,
                gradient,
                first,
                second,
                control,
                clip,
                (float) config.beta1(),
                (float) config.beta2(),
                (float) config.eps(),
                (float) config.weightDecay()));
    return new Run(offset, count, parameter, gradient, first, second, updated);
  }

  private static TensorType flat(long n) {
    return TensorType.f32(Math.toIntExact(n));
  }

  /**
   * Binds a plan.
   *
   * @param state region of at least {@code plan.stateBytes()}
   * @param workspace region of at least {@code plan.workspaceBytes()}
   */
  public Optimizer(
      Device device,
      ParameterLayout layout,
      OptimizerConfig config,
      Plan plan,
      Region weights,
      Region gradients,
      Region state,
      Region workspace) {
    this.device = device;
    this.config = config;
    this.program = plan.program();
    var built = plan.built();
    var bindings = new LinkedHashMap<Tensor, Buffer>();
    this.state = new LinkedHashMap<>();
    clip = state.next(TensorType.f32(2));
    adamControl = state.next(TensorType.f32(3));
    bindings.put(built.gradients(), layout.all(gradients));
    bindings.put(built.clip(), clip);
    bindings.put(built.adamControl(), adamControl);
    if (built.muonControl() != null) {
      muonControl = state.next(TensorType.f32(1));
      bindings.put(built.muonControl(), muonControl);
      var momentum = state.next(flat(layout.restOffset()));
      this.state.put("momentum", momentum);
      for (var s : built.stacks()) {
        var moment = momentum.slice(s.stack().offset(), s.stack().dims());
        bindings.put(s.parameter(), layout.of(s.stack(), weights));
        bindings.put(s.newParameter(), layout.of(s.stack(), weights));
        bindings.put(s.gradient(), layout.of(s.stack(), gradients));
        bindings.put(s.moment(), moment);
        bindings.put(s.newMoment(), moment);
      }
    } else {
      muonControl = null;
    }
    var rest = built.rest();
    if (rest != null) {
      var first = state.next(flat(rest.count()));
      var second = state.next(flat(rest.count()));
      this.state.put("first_moment", first);
      this.state.put("second_moment", second);
      var parameters = layout.run(weights, rest.offset(), rest.count());
      bindings.put(rest.parameter(), parameters);
      bindings.put(rest.gradient(), layout.run(gradients, rest.offset(), rest.count()));
      bindings.put(rest.first(), first);
      bindings.put(rest.second(), second);
      bindings.put(rest.updated().get(0), parameters);
      bindings.put(rest.updated().get(1), first);
      bindings.put(rest.updated().get(2), second);
    }
    measure = device.bind(plan.norm(), bindings, workspace);
    update = device.bind(program, bindings, workspace);
  }

  /**
   * Updates all parameters: {@link #measure} and {@link #apply}.
   *
   * @param step optimiser steps taken before this one
   * @param factor of the peak learning rates
   */
  public void update(long step, double factor) {
    measure.run();
    apply(step, factor);
  }

  /** L2 norm of all gradients before clipping; no parameter and no moment changes. */
  public float measure() {
    measure.run();
    return gradientNorm();
  }

  /**
   * Updates all parameters, clipped by the norm that was measured last.
   *
   * @param step optimiser steps taken before this one
   * @param factor of the peak learning rates
   */
  public void apply(long step, double factor) {
    var adam =
        switch (config) {
          case OptimizerConfig.MuonConfig muon -> muon.rest();
          case OptimizerConfig.AdamWConfig all -> all;
        };
    device.write(
        adamControl,
        (float) (factor * adam.lr()),
        (float) (1 - Math.pow(adam.beta1(), step + 1.0)),
        (float) (1 - Math.pow(adam.beta2(), step + 1.0)));
    if (muonControl != null && config instanceof OptimizerConfig.MuonConfig muon) {
      device.write(muonControl, (float) (factor * muon.lr()));
    }
    update.run();
  }

  /** L2 norm of all gradients before clipping, as it was measured last. */
  public float gradientNorm() {
    return device.scalar(clip, 0);
  }

  /** Floating-point operations of one update. */
  public long flops() {
    return program.flops(); // the norm has no products
  }

  /** Moments by name: with the step count, all that a resume needs. */
  public Map<String, Buffer> state() {
    return java.util.Collections.unmodifiableMap(state);
  }
}

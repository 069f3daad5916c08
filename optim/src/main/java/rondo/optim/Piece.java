package rondo.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import rondo.engine.graph.AdamW;
import rondo.engine.graph.EllisAdam;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MuonApply;
import rondo.engine.graph.MuonMomentum;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.EllisAdamConfig;
import rondo.optim.OptimizerConfig.MuonConfig;

/**
 * The traced update of parameters that lie side by side.
 *
 * @param run where they lie
 */
record Piece(Run run, Tensor parameter, Tensor gradient, List<Moment> moments, Tensor updated) {
  /** A value that an optimiser keeps from step to step, named for checkpoints. */
  record Moment(String name, Tensor before, Tensor after) {}

  /**
   * Parameters that one operation updates: adjacent among the weights and among the gradients, of
   * one group.
   *
   * @param weights first element in the layout of the weights
   * @param gradients first element in the layout of the gradients
   */
  record Run(
      OptimizerConfig optimizer,
      ParameterGroup group,
      List<Parameter> parameters,
      long weights,
      long gradients) {
    Run {
      parameters = List.copyOf(parameters);
    }

    long count() {
      return parameters.stream().mapToLong(p -> p.shape().size()).sum();
    }

    /** With one more parameter, if there is such a run. */
    boolean takes(Parameter p, Run alone) {
      long count = count();
      return !(optimizer instanceof EllisAdamConfig) // which is about single tensors
          && optimizer.equals(alone.optimizer)
          && group.equals(alone.group)
          && (!(optimizer instanceof MuonConfig) || parameters.getLast().shape().equals(p.shape()))
          && weights + count == alone.weights
          && gradients + count == alone.gradients
          && count + p.shape().size() <= Integer.MAX_VALUE;
    }

    /** [matrices, rows, columns] of Muon; all elements of others. */
    TensorType type() {
      var shape = parameters.getFirst().shape();
      return optimizer instanceof MuonConfig
          ? TensorType.f32(parameters.size(), shape.dim(0), shape.dim(1))
          : TensorType.f32(Math.toIntExact(count()));
    }

    double weightDecay() {
      return group
          .weightDecay()
          .orElse(
              switch (optimizer) {
                case MuonConfig m -> m.weightDecay();
                case AdamWConfig a -> a.weightDecay();
                case EllisAdamConfig e -> e.weightDecay();
              });
    }
  }

  /** The runs of what {@code trained} holds of the parameters of {@code all}. */
  static List<Run> runs(
      ParameterLayout all,
      ParameterLayout trained,
      OptimizerConfig config,
      Function<Parameter, ParameterGroup> groups) {
    var runs = new ArrayList<Run>();
    for (var p : trained.inMemory()) {
      var alone =
          new Run(config.of(p), groups.apply(p), List.of(p), all.offset(p), trained.offset(p));
      if (!runs.isEmpty() && runs.getLast().takes(p, alone)) {
        var last = runs.removeLast();
        var more = new ArrayList<>(last.parameters);
        more.add(p);
        alone = new Run(last.optimizer, last.group, more, last.weights, last.gradients);
      }
      runs.add(alone);
    }
    return runs;
  }

  static Piece trace(Graph graph, Run run, Tensor control, Tensor clip) {
    var type = run.type();
    var parameter = graph.input("parameters", type);
    var gradient = graph.input("gradients", type);
    var name = run.parameters.getFirst().name();
    float decay = (float) run.weightDecay();
    return switch (run.optimizer) {
      case MuonConfig c -> {
        var moment = graph.input("momentum", type);
        var m = graph.addAll(new MuonMomentum(moment, gradient, clip, (float) c.momentum()));
        var direction = NewtonSchulz.trace(graph, m.get(1), c.steps(), c.precision());
        // Tall matrices get larger updates so that every shape changes outputs alike.
        var shape = run.parameters.getFirst().shape();
        double scale = Math.sqrt(Math.max(1, (double) shape.dim(0) / shape.dim(1)));
        var updated = graph.add(new MuonApply(parameter, direction, control, (float) scale, decay));
        var kept = new Moment("momentum." + name, moment, m.get(0));
        yield new Piece(run, parameter, gradient, List.of(kept), updated);
      }
      case AdamWConfig c -> {
        var first = graph.input("first moment", type);
        var second = graph.input("second moment", type);
        var out =
            graph.addAll(
                new AdamW(
                    parameter,
                    gradient,
                    first,
                    second,
                    control,
                    clip,
                    (float) c.beta1(),
                    (float) c.beta2(),
                    (float) c.eps(),
                    decay));
        yield adam(run, parameter, gradient, first, second, out);
      }
      case EllisAdamConfig c -> {
        var first = graph.input("first moment", type);
        var second = graph.input("second moment", type);
        var out =
            graph.addAll(
                new EllisAdam(
                    parameter,
                    gradient,
                    first,
                    second,
                    control,
                    clip,
                    (float) c.beta1(),
                    (float) c.beta2(),
                    (float) c.eps(),
                    decay,
                    c.updateClipping(),
                    c.atan2()));
        yield adam(run, parameter, gradient, first, second, out);
      }
    };
  }

  private static Piece adam(
      Run run, Tensor parameter, Tensor gradient, Tensor first, Tensor second, List<Tensor> out) {
    var name = run.parameters.getFirst().name();
    return new Piece(
        run,
        parameter,
        gradient,
        List.of(
            new Moment("first_moment." + name, first, out.get(1)),
            new Moment("second_moment." + name, second, out.get(2))),
        out.get(0));
  }
}

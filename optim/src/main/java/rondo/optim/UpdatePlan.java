package rondo.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import rondo.engine.device.Region;
import rondo.engine.graph.Add;
import rondo.engine.graph.ClipFactor;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Program;
import rondo.engine.graph.SumSquares;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;

/** The programs of an update and the memory they need, known before anything is allocated. */
public final class UpdatePlan {
  final ParameterLayout all;
  final ParameterLayout trained;
  final List<Tensor> gradients = new ArrayList<>();
  final Tensor clip;
  final List<Control> controls = new ArrayList<>();
  final List<Piece> pieces = new ArrayList<>();
  private final Program norm;
  private final Program program;

  /**
   * Traces and plans.
   *
   * @param all layout of the weights
   * @param trained layout of the gradients: the parameters that are updated, some of {@code all}
   * @param groups what differs for a parameter
   * @param maxNorm of all gradients together; 0 for no clipping
   */
  public UpdatePlan(
      ParameterLayout all,
      ParameterLayout trained,
      OptimizerConfig config,
      Function<Parameter, ParameterGroup> groups,
      double maxNorm) {
    this.all = all;
    this.trained = trained;
    var graph = new Graph();
    clip = graph.add(new ClipFactor(squares(graph), (float) maxNorm));
    norm = Program.slice("gradient norm", graph, gradients, List.of(clip), List.of());
    for (var run : Piece.runs(all, trained, config, groups)) {
      pieces.add(Piece.trace(graph, run, control(graph, run).tensor(), clip));
    }
    var given = new ArrayList<>(List.of(clip));
    controls.forEach(c -> given.add(c.tensor()));
    var results = new ArrayList<Tensor>();
    for (var piece : pieces) {
      given.add(piece.parameter());
      given.add(piece.gradient());
      results.add(piece.updated());
      for (var moment : piece.moments()) {
        given.add(moment.before());
        results.add(moment.after());
      }
    }
    program = Program.slice("optimizer", graph, given, results, List.of());
  }

  /** Of all parameters alike. */
  public static UpdatePlan of(ParameterLayout layout, OptimizerConfig config, double maxNorm) {
    return new UpdatePlan(layout, layout, config, _ -> ParameterGroup.PLAIN, maxNorm);
  }

  /** The sum of squares of all gradients, run by run. */
  private Tensor squares(Graph graph) {
    Tensor sum = null;
    for (var run : trained.runs()) {
      var part = graph.input("gradients", TensorType.f32(Math.toIntExact(run.count())));
      gradients.add(part);
      var squares = graph.add(new SumSquares(part));
      sum = sum == null ? squares : graph.add(new Add(sum, squares));
    }
    if (sum == null) {
      throw new IllegalArgumentException("optimizer: no parameter is trained");
    }
    return sum;
  }

  private Control control(Graph graph, Piece.Run run) {
    for (var control : controls) {
      if (control.isOf(run.optimizer(), run.group())) {
        return control;
      }
    }
    var control = Control.trace(graph, run.optimizer(), run.group());
    controls.add(control);
    return control;
  }

  /** Makes the norm of the gradients and the factor that clips them. */
  public Program norm() {
    return norm;
  }

  /** Updates parameters and moments by that factor. */
  public Program program() {
    return program;
  }

  /** Bytes of the workspace that both programs need. */
  public long workspaceBytes() {
    return Math.max(norm.workspaceBytes(), program.workspaceBytes());
  }

  /** Bytes of moments, learning rates and norm. */
  public long stateBytes() {
    long bytes = Region.aligned(clip.type().bytes()) + 4L * Control.STEP * controls.size();
    for (var piece : pieces) {
      for (var moment : piece.moments()) {
        bytes += Region.aligned(moment.before().type().bytes());
      }
    }
    return bytes;
  }
}

package rondo.nn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import rondo.engine.device.Buffer;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.graph.Gradients;
import rondo.engine.graph.Graph;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;

/** One function being traced: its graph, and the parameters it has asked for so far. */
public final class Trace {
  /** Some columns of a parameter; all of them for most. */
  record View(Parameter parameter, int from, int count, boolean second) {
    Buffer in(Function<Parameter, Buffer> memory) {
      var buffer = memory.apply(parameter);
      return count == parameter.shape().last() ? buffer : buffer.columns(from, count);
    }
  }

  private final Graph graph = new Graph();
  private final DType activations;
  private final Predicate<Parameter> trained;
  private final Map<View, Tensor> parameters = new LinkedHashMap<>();

  /** In f32. */
  public Trace() {
    this(DType.F32);
  }

  /**
   * With activations and matrices of a type; gains and biases are f32.
   *
   * @param activations f32 or bf16
   */
  public Trace(DType activations) {
    this(activations, _ -> true);
  }

  /**
   * As {@link #Trace(DType)}, with parameters that are constants.
   *
   * @param trained which ones are none, and get gradients
   */
  public Trace(DType activations, Predicate<Parameter> trained) {
    this.activations = activations;
    this.trained = trained;
  }

  public Graph graph() {
    return graph;
  }

  public DType activations() {
    return activations;
  }

  public Tensor input(String name, TensorType type) {
    return graph.input(name, type);
  }

  /** The parameter as a value of this function; the same value each time. */
  public Tensor parameter(Parameter p) {
    return view(p, 0, p.shape().last());
  }

  /** Columns {@code from} … {@code from + count - 1} of a matrix. */
  public Tensor view(Parameter p, int from, int count) {
    return parameters.computeIfAbsent(
        new View(p, from, count, false), _ -> graph.input(p.name(), type(p).withLast(count)));
  }

  /**
   * A second value for a parameter with two uses, such as a tied head: its two gradients then meet
   * by accumulation in memory, not by a sum of two full-size temporaries.
   */
  public Tensor second(Parameter p) {
    return parameters.computeIfAbsent(
        new View(p, 0, p.shape().last(), true), _ -> graph.input(p.name(), type(p)));
  }

  private TensorType type(Parameter p) {
    return p.group() == Parameter.Group.GAIN ? p.type() : new TensorType(activations, p.shape());
  }

  /** All parameters used so far. */
  public List<Tensor> parameters() {
    return List.copyOf(parameters.values());
  }

  /** Binds each parameter used to its memory. */
  public Map<Tensor, Buffer> bind(Function<Parameter, Buffer> memory) {
    return bind(parameters, memory);
  }

  private static Map<Tensor, Buffer> bind(
      Map<View, Tensor> values, Function<Parameter, Buffer> memory) {
    var bindings = new LinkedHashMap<Tensor, Buffer>();
    values.forEach((view, t) -> bindings.put(t, view.in(memory)));
    return bindings;
  }

  /** The differentiated function: gradients of some inputs and of every trained parameter. */
  public record Differentiated(List<Tensor> inputs, Map<View, Tensor> parameters) {
    /** Gradients of trained parameters, in the order of {@link Trace#parameters}. */
    public List<Tensor> ofParameters() {
      return List.copyOf(parameters.values());
    }

    /** Binds each gradient to its memory in a region of the layout of the trained parameters. */
    public Map<Tensor, Buffer> bind(ParameterLayout layout, Region region) {
      return Trace.bind(parameters, p -> layout.of(p, region));
    }
  }

  /**
   * Appends gradients.
   *
   * @param dy the gradient of {@code y}; null when it is a loss
   * @param inputs values other than parameters whose gradients are wanted
   */
  public Differentiated differentiate(Tensor y, @Nullable Tensor dy, List<Tensor> inputs) {
    var wanted = new ArrayList<>(inputs);
    var views = parameters.keySet().stream().filter(v -> trained.test(v.parameter())).toList();
    views.forEach(v -> wanted.add(parameters.get(v)));
    var gradients = Gradients.of(y, dy, wanted);
    var byView = new LinkedHashMap<View, Tensor>();
    int i = inputs.size();
    for (var view : views) {
      byView.put(view, gradients.get(i++));
    }
    return new Differentiated(gradients.subList(0, inputs.size()), byView);
  }
}

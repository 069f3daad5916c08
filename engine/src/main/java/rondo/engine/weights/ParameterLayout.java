package rondo.engine.weights;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import rondo.engine.device.Buffer;
import rondo.engine.device.Region;
import rondo.engine.graph.DType;
import rondo.engine.graph.Shape;
import rondo.engine.graph.TensorType;

/**
 * Where parameters lie in one flat run of f32: body matrices first, those of one shape side by side
 * so that Muon sees a stack, then everything else in one run so that AdamW is one pass. Weights,
 * gradients and moments all use the same layout.
 */
public final class ParameterLayout {
  /**
   * Matrices of one shape, adjacent.
   *
   * @param offset of the first element
   */
  public record Stack(List<Parameter> parameters, long offset, Shape shape) {
    public Stack {
      parameters = List.copyOf(parameters);
    }

    /** [matrices, rows, columns]. */
    public int[] dims() {
      return new int[] {parameters.size(), shape.dim(0), shape.dim(1)};
    }
  }

  private final List<Parameter> parameters;
  private final Map<Parameter, Long> offsets = new LinkedHashMap<>();
  private final List<Stack> stacks = new ArrayList<>();
  private final long restOffset;
  private final long elements;

  /**
   * Lays out parameters.
   *
   * @throws IllegalArgumentException when two share a name
   */
  public ParameterLayout(List<Parameter> parameters) {
    this.parameters = List.copyOf(parameters);
    if (parameters.stream().map(Parameter::name).distinct().count() != parameters.size()) {
      throw new IllegalArgumentException("parameters: two share a name");
    }
    long offset = 0;
    var byShape = new LinkedHashMap<Shape, List<Parameter>>();
    for (var p : parameters) {
      if (p.group() == Parameter.Group.BODY) {
        byShape.computeIfAbsent(p.shape(), _ -> new ArrayList<>()).add(p);
      }
    }
    for (var e : byShape.entrySet()) {
      stacks.add(new Stack(e.getValue(), offset, e.getKey()));
      for (var p : e.getValue()) {
        offsets.put(p, offset);
        offset += p.shape().size();
      }
    }
    restOffset = offset;
    var rest =
        parameters.stream()
            .filter(p -> p.group() != Parameter.Group.BODY)
            .sorted(Comparator.comparing(Parameter::group))
            .toList();
    for (var p : rest) {
      offsets.put(p, offset);
      offset += p.shape().size();
    }
    elements = offset;
  }

  /** In the order they were declared. */
  public List<Parameter> parameters() {
    return parameters;
  }

  /** In the order they lie in memory. */
  public List<Parameter> inMemory() {
    return List.copyOf(offsets.keySet());
  }

  public boolean contains(Parameter p) {
    return offsets.containsKey(p);
  }

  /**
   * First element of a parameter.
   *
   * @throws IllegalArgumentException when it is none of this layout
   */
  public long offset(Parameter p) {
    Long offset = offsets.get(p);
    if (offset == null) {
      throw new IllegalArgumentException("parameter " + p.name() + " is not in this layout");
    }
    return offset;
  }

  /** Body matrices by shape. */
  public List<Stack> stacks() {
    return Collections.unmodifiableList(stacks);
  }

  /** First element of everything that is no body matrix. */
  public long restOffset() {
    return restOffset;
  }

  public long elements() {
    return elements;
  }

  /** Bytes of a region that holds one f32 for every element. */
  public long bytes() {
    return Math.max(4 * elements, 4);
  }

  /** All elements in as few runs of whole parameters as have at most 2^31 − 1 elements each. */
  public List<Run> runs() {
    var runs = new ArrayList<Run>();
    for (var p : offsets.keySet()) {
      var last = runs.isEmpty() ? new Run(0, 0) : runs.getLast();
      long count = last.count() + p.shape().size();
      if (runs.isEmpty() || count > Integer.MAX_VALUE) {
        runs.add(new Run(offset(p), p.shape().size()));
      } else {
        runs.set(runs.size() - 1, new Run(last.offset(), count));
      }
    }
    return runs;
  }

  /** {@link #runs} of a region. */
  public List<Buffer> runs(Region region) {
    return runs().stream().map(r -> run(region, r.offset(), r.count())).toList();
  }

  /** All elements as one run. */
  public Buffer all(Region region) {
    return run(region, 0, elements);
  }

  /** The elements from {@code offset} on, as one run. */
  public Buffer run(Region region, long offset, long count) {
    return region.at(4 * offset, new TensorType(DType.F32, Shape.of(Math.toIntExact(count))));
  }

  /** One parameter in a region of this layout. */
  public Buffer of(Parameter p, Region region) {
    return of(p, region, DType.F32);
  }

  /** One parameter in a region that holds elements of another type in this layout. */
  public Buffer of(Parameter p, Region region, DType type) {
    return region.at(type.bytes() * offset(p), new TensorType(type, p.shape()));
  }

  /** Adjacent elements. */
  public record Run(long offset, long count) {}

  /** All that is no gain, in runs: each stack of body matrices, then embeddings. */
  public List<Run> matrixRuns() {
    var runs = new ArrayList<Run>();
    for (var s : stacks) {
      runs.add(new Run(s.offset(), s.shape().size() * s.parameters().size()));
    }
    long embeddings =
        parameters.stream()
            .filter(p -> p.group() == Parameter.Group.EMBEDDING)
            .mapToLong(p -> p.shape().size())
            .sum();
    if (embeddings > 0) {
      runs.add(new Run(restOffset, embeddings));
    }
    return runs;
  }

  public Buffer of(Stack s, Region region) {
    var dims = s.dims();
    return region.at(4 * s.offset(), TensorType.f32(dims));
  }
}

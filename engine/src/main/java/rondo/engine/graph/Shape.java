package rondo.engine.graph;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Immutable extents, outermost first. Negative indices count from the end. */
public record Shape(List<Integer> dims) {
  public Shape {
    dims = List.copyOf(dims);
    for (int d : dims) {
      if (d < 1) {
        throw new IllegalArgumentException("shape " + dims + ": every extent must be at least 1");
      }
    }
  }

  public static Shape of(int... dims) {
    return new Shape(IntStream.of(dims).boxed().toList());
  }

  public int rank() {
    return dims.size();
  }

  public int dim(int i) {
    return dims.get(i < 0 ? dims.size() + i : i);
  }

  public int last() {
    return dim(-1);
  }

  public long size() {
    return dims.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
  }

  /** Elements before the last axis: the rows that a row-wise operation sees. */
  public long rows() {
    return size() / last();
  }

  public Shape withLast(int n) {
    return new Shape(
        IntStream.range(0, rank())
            .mapToObj(i -> i == rank() - 1 ? (Integer) n : dims.get(i))
            .toList());
  }

  @Override
  public String toString() {
    return dims.stream().map(String::valueOf).collect(Collectors.joining("×", "[", "]"));
  }
}

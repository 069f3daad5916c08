package rondo.data.rows;

import java.util.List;

/**
 * Sources mixed by weight: row n comes from source i with probability {@code weight_i / sum}, by a
 * hash of (seed, n), so that any row's source is known without drawing the ones before it. With one
 * source it is that source. For one thread.
 */
public final class Mixture implements AutoCloseable {
  private static final long STREAM = 0x6d69_7874L;

  /**
   * A source and its weight.
   *
   * @param weight more than 0; only ratios matter
   */
  public record Part(RowCycle rows, double weight) {
    public Part {
      if (!(weight > 0 && weight < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            rows.name() + ": its weight is " + weight + ", expected more than 0");
      }
    }
  }

  private final List<Part> parts;
  private final Rank rank;
  private final long seed;
  private final double sum;
  private long drawn;

  /**
   * Of sources.
   *
   * @param parts all of them the share of one rank; ranks draw the same sources in the same order
   */
  public Mixture(List<Part> parts, long seed) {
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("a mixture of no sources, expected at least one");
    }
    rank = parts.getFirst().rows().rank();
    for (Part part : parts) {
      if (!part.rows().rank().equals(rank)) {
        throw new IllegalArgumentException(
            "%s: its rows are those of %s, expected those of %s as of %s"
                .formatted(
                    part.rows().name(), part.rows().rank(), rank, parts.getFirst().rows().name()));
      }
    }
    this.parts = List.copyOf(parts);
    this.seed = seed;
    sum = parts.stream().mapToDouble(Part::weight).sum();
  }

  /** One source alone. */
  public static Mixture of(RowCycle rows) {
    return new Mixture(List.of(new Part(rows, 1)), 0);
  }

  /** The next row, read only. */
  public int[] next() {
    return parts.get(source(drawn++)).rows().next();
  }

  /** The index of the source that row {@code n} of this mixture comes from. */
  public int source(long n) {
    double left = Draw.uniform(seed, STREAM, n) * sum;
    int last = parts.size() - 1;
    for (int i = 0; i < last; i++) {
      left -= parts.get(i).weight();
      if (left < 0) {
        return i;
      }
    }
    return last;
  }

  public Cursor cursor() {
    return new Cursor(drawn, rank.ranks(), parts.stream().map(p -> p.rows().position()).toList());
  }

  /**
   * Goes on from {@code cursor}.
   *
   * @throws rondo.data.DataException if the data is not what the cursor was taken in
   * @throws IllegalArgumentException if it was shared by another number of ranks, or has other
   *     parts
   */
  public void seek(Cursor cursor) {
    if (cursor.positions().size() != parts.size()) {
      throw new IllegalArgumentException(
          "a cursor of %d sources for a mixture of %d: go on with the recipe's own data"
              .formatted(cursor.positions().size(), parts.size()));
    }
    if (cursor.ranks() != rank.ranks()) {
      throw new IllegalArgumentException(
          "a cursor of %d ranks for data shared by %d: rows would come twice or never; go on with as many"
              .formatted(cursor.ranks(), rank.ranks()));
    }
    for (int i = 0; i < parts.size(); i++) {
      parts.get(i).rows().seek(cursor.positions().get(i));
    }
    drawn = cursor.drawn();
  }

  @Override
  public void close() {
    parts.forEach(part -> part.rows().close());
  }
}

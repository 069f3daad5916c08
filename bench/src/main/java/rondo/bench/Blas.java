package rondo.bench;

import java.lang.foreign.MemorySegment;

/** Somebody else's product of matrices, called directly. */
public interface Blas {
  String name();

  /** A call that writes the product to {@code out}; all matrices are dense and row-major. */
  Runnable product(Product product, MemorySegment a, MemorySegment b, MemorySegment out);
}

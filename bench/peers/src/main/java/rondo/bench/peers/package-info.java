/** Rondo next to others in one process: not part of the product. */
@org.jspecify.annotations.NullMarked
package rondo.bench.peers;

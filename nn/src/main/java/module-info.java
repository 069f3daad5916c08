/**
 * Blocks, fixed-depth and depth-recurrent models ({@link rondo.nn}), their execution over depth
 * ({@link rondo.nn.depth}) and their files ({@link rondo.nn.checkpoint}).
 */
@org.jspecify.annotations.NullMarked
module rondo.nn {
  requires static org.jspecify;
  requires transitive rondo.engine;
  requires tools.jackson.databind;

  exports rondo.nn;
  exports rondo.nn.checkpoint;
  exports rondo.nn.depth;
}

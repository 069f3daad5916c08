/** Optimisers over flat parameter layouts, learning-rate schedules and recurrence curricula. */
@org.jspecify.annotations.NullMarked
module rondo.optim {
  requires static org.jspecify;
  requires transitive rondo.engine;

  exports rondo.optim;
}

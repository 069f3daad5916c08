/** Training runs: recipes, the loop, checkpoints, metrics, and loss over depth. */
@org.jspecify.annotations.NullMarked
module rondo.train {
  requires static org.jspecify;
  requires transitive rondo.optim;
  requires transitive rondo.infer;
  requires org.snakeyaml.engine;
  requires tools.jackson.databind;

  exports rondo.train;
  exports rondo.train.quickstart;
  exports rondo.train.study;
}

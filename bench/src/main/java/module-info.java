/** Measurements of speed as plain code, and their wrapping in JMH. */
@org.jspecify.annotations.NullMarked
module rondo.bench {
  requires static org.jspecify;
  requires static jmh.core;
  requires transitive rondo.train;
  requires tools.jackson.databind;
  requires java.management;

  exports rondo.bench;
}

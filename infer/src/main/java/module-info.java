/** Running models without training them: what a service embeds. */
@org.jspecify.annotations.NullMarked
module rondo.infer {
  requires static org.jspecify;
  requires transitive rondo.nn;
  requires transitive rondo.data;

  exports rondo.infer;
}

/**
 * The engine: trace a function once, differentiate it, plan its memory, replay it on a device.
 * {@link rondo.engine.graph} is work without addresses; {@link rondo.engine.device} is memory and
 * work with addresses.
 */
@org.jspecify.annotations.NullMarked
module rondo.engine {
  requires java.management;
  requires jdk.management;
  requires static org.jspecify;

  exports rondo.engine.graph;
  exports rondo.engine.device;
  exports rondo.engine.random;
  exports rondo.engine.weights;
  // The profile of a step times each launch.
  exports rondo.engine.nativelib to
      rondo.bench;
}

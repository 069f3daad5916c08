/** The program {@code rondo}: commands over the other modules, tables and pictures. */
@org.jspecify.annotations.NullMarked
module rondo.cli {
  requires static org.jspecify;
  requires rondo.train;
  requires info.picocli;
  requires tools.jackson.databind;
  requires java.desktop;
  requires jdk.unsupported; // signals
  requires xchart;

  // picocli fills the fields that carry its annotations.
  opens rondo.cli to
      info.picocli;
}

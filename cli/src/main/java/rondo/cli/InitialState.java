package rondo.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import rondo.engine.device.Device;
import rondo.infer.Forward;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.SafetensorsFile;

/** Where the recurrence starts. */
sealed interface InitialState {
  /** The name of the tensor in a file that is named without one. */
  String TENSOR = "initial_state";

  /** All zero. */
  record Zero() implements InitialState {}

  /** Truncated normal noise, as in training. */
  record Random(long seed) implements InitialState {}

  /** A tensor [batch, time, width] of a safetensors file. */
  record FromFile(Path file, String tensor) implements InitialState {}

  /** Reads {@code zero}, {@code random}, {@code FILE} or {@code FILE:NAME}. */
  static InitialState parse(String text, long seed) {
    if (text.equals("zero")) {
      return new Zero();
    }
    if (text.equals("random")) {
      return new Random(seed);
    }
    int colon = text.lastIndexOf(':');
    if (colon > 0 && !Files.exists(Path.of(text))) {
      return new FromFile(Path.of(text.substring(0, colon)), text.substring(colon + 1));
    }
    if (!Files.exists(Path.of(text))) {
      throw new IllegalArgumentException(
          "--initial-state "
              + text
              + ": no such file; expected zero, random, FILE or FILE:NAME (safetensors)");
    }
    return new FromFile(Path.of(text), TENSOR);
  }

  /** Writes the state of {@code forward}; {@code dims} are [batch, time, width]. */
  default void write(Forward forward, Device device, long... dims) {
    switch (this) {
      case Zero() -> forward.zeroState();
      case Random(long seed) -> forward.randomState(seed, 0);
      case FromFile(Path file, String name) -> {
        try (var tensors = SafetensorsFile.open(file)) {
          var stored = tensors.require(name);
          if (!Arrays.equals(stored.shape(), dims)) {
            throw new CheckpointException(
                file,
                "tensor '%s' has the shape %s, expected %s (batch, time, width)"
                    .formatted(name, stored.shapeText(), Arrays.toString(dims)));
          }
          device.write(forward.state(), stored.readFloats());
        }
      }
    }
  }

  default String label() {
    return switch (this) {
      case Zero _ -> "zero";
      case Random(long seed) -> "random (seed " + seed + ")";
      case FromFile(Path file, String name) -> file + ":" + name;
    };
  }
}

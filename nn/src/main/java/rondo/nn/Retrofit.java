package rondo.nn;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import rondo.engine.device.Device;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.SafetensorsFile;
import rondo.nn.checkpoint.Surgery;

/**
 * Layer surgery: a fixed-depth model becomes a recurrent one by keeping some layers as prelude,
 * some as core and some as coda (retrofitted recurrence, arXiv 2511.07384). Weights are copied
 * unrounded; only the adapter is new, and a tied head becomes its own matrix.
 */
public final class Retrofit {
  /** How the adapter starts. */
  public sealed interface Adapter {
    /** Uniform ±1/√(2·width), the published start. */
    record Kaiming(long seed) implements Adapter {}

    /**
     * [0 | I]: passes the prelude's output through and ignores the state; not the published start.
     */
    record Identity() implements Adapter {}

    /** Read from a safetensors file, tensor {@code transformer.adapter.weight}. */
    record FromFile(Path file) implements Adapter {}

    default String label() {
      return switch (this) {
        case Kaiming _ -> "kaiming";
        case Identity _ -> "identity";
        case FromFile f -> f.file().getFileName().toString();
      };
    }
  }

  private Retrofit() {}

  /**
   * Converts.
   *
   * @param source name of the base, kept in the new configuration
   * @throws IllegalArgumentException when the base is recurrent already or lacks a layer
   * @throws CheckpointException when the adapter's file has no adapter of this shape
   */
  public static Weights of(
      Weights base, Surgery surgery, Adapter adapter, String source, Device device) {
    if (!(base.model() instanceof FixedModel fixed)
        || !(base.model().config() instanceof BaseConfig config)) {
      throw new IllegalArgumentException(
          source + ": is recurrent already; retrofit takes a fixed-depth model");
    }
    var model =
        RecurrentModel.of(RecurrentConfig.retrofit(config, surgery, source, adapter.label()));
    var start = adapter(adapter, model.adapter());
    var weights = Weights.allocate(model, device);
    copy(base, fixed.embedding(), weights, model.embedding(), device);
    blocks(base, fixed, surgery.prelude(), weights, model.prelude(), device);
    blocks(base, fixed, surgery.core(), weights, model.core(), device);
    blocks(base, fixed, surgery.coda(), weights, model.coda(), device);
    copy(base, fixed.norm().gain(), weights, model.norm().gain(), device);
    copy(base, fixed.head(), weights, model.head(), device);
    device.write(weights.of(model.adapter()), start);
    return weights;
  }

  private static void blocks(
      Weights base,
      FixedModel fixed,
      List<Integer> layers,
      Weights weights,
      List<Block> blocks,
      Device device) {
    for (int i = 0; i < blocks.size(); i++) {
      var from = fixed.blocks().get(layers.get(i)).parameters();
      var to = blocks.get(i).parameters();
      for (int j = 0; j < to.size(); j++) {
        copy(base, from.get(j), weights, to.get(j), device);
      }
    }
  }

  private static void copy(
      Weights base, Parameter from, Weights weights, Parameter to, Device device) {
    device.copy(base.of(from), weights.of(to));
  }

  private static float[] adapter(Adapter adapter, Parameter p) {
    int width = p.shape().dim(0);
    return switch (adapter) {
      case Adapter.Kaiming(long seed) -> Initializer.kaiming(p, seed);
      case Adapter.Identity() -> identity(width);
      case Adapter.FromFile(var file) -> {
        try (var tensors = SafetensorsFile.open(file)) {
          var stored = tensors.tensors().get(p.name());
          var expected = p.shape().dims().stream().mapToLong(Integer::longValue).toArray();
          if (stored == null || !Arrays.equals(stored.shape(), expected)) {
            throw new CheckpointException(
                file,
                "expected a tensor '%s' %s%s"
                    .formatted(
                        p.name(),
                        Arrays.toString(expected),
                        stored == null ? "" : ", found " + stored.shapeText()));
          }
          yield stored.readFloats();
        }
      }
    };
  }

  /** [0 | I], [width, 2·width]. */
  static float[] identity(int width) {
    var values = new float[2 * width * width];
    for (int i = 0; i < width; i++) {
      values[i * 2 * width + width + i] = 1;
    }
    return values;
  }
}

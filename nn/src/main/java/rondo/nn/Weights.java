package rondo.nn;

import java.util.List;
import rondo.engine.device.Buffer;
import rondo.engine.device.Device;
import rondo.engine.device.Region;
import rondo.engine.weights.Parameter;
import rondo.engine.weights.ParameterLayout;

/**
 * A model with the values of its parameters on a device.
 *
 * @param device where they are
 * @param notes remarks of loading, one line each, such as tensors that were ignored
 */
public record Weights(
    Model model, ParameterLayout layout, Device device, Region region, List<String> notes)
    implements AutoCloseable {

  /** Zeroed memory for a model's parameters. */
  public static Weights allocate(Model model, Device device) {
    var layout = new ParameterLayout(model.parameters());
    return new Weights(
        model, layout, device, device.allocate("weights", layout.bytes()), List.of());
  }

  public Buffer of(Parameter p) {
    return layout.of(p, region);
  }

  Weights withNotes(List<String> all) {
    return new Weights(model, layout, device, region, List.copyOf(all));
  }

  @Override
  public void close() {
    region.close();
  }
}

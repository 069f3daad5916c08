package rondo.train;

import java.nio.file.Path;
import java.util.List;
import rondo.engine.device.Devices;
import rondo.nn.checkpoint.CheckpointException;

/**
 * Runs a recipe with a checkpoint after every step and ends with 3 when a checkpoint cannot be
 * written.
 */
final class FullDisk {
  private FullDisk() {}

  public static void main(String[] arguments) {
    try (var device = Devices.open("plain", 1)) {
      var recipe = Recipe.read(Path.of(arguments[0]), List.of("checkpoint.every=1"));
      try (var trainer = new Trainer(recipe, device, Listener.none())) {
        trainer.run();
      }
    } catch (CheckpointException e) {
      System.out.println(String.valueOf(e.getMessage()));
      System.exit(3);
    }
  }
}

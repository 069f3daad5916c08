package rondo.train;

import java.nio.file.Path;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import rondo.nn.FixedModel;
import rondo.nn.Model;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.depth.Distillation;

/** The model that a recipe distils from. */
public final class Teacher {
  private Teacher() {}

  /** As {@link #of(Recipe, ModelConfig, Function)}, of a folder here. */
  static @Nullable Distillation of(Recipe recipe, ModelConfig student) {
    return of(
        recipe,
        student,
        folder -> {
          try (var files = CheckpointFolder.open(Checkpoints.resolve(folder))) {
            return files.config();
          }
        });
  }

  /**
   * What the loss takes from the recipe's teacher; null where it has none. No weights are read.
   *
   * @param configs what the model of a path is
   * @throws IllegalArgumentException when the student cannot learn from it
   */
  public static @Nullable Distillation of(
      Recipe recipe, ModelConfig student, Function<Path, ModelConfig> configs) {
    var distill = recipe.distill();
    if (distill == null) {
      return null;
    }
    var teacher = configs.apply(distill.model());
    if (!(Model.of(teacher) instanceof FixedModel model)) {
      throw wrong(recipe, "a model of fixed depth, this one is recurrent");
    }
    if (teacher.vocabulary() != student.vocabulary()) {
      throw wrong(
          recipe,
          "the student's vocabulary of %d, this one has %d"
              .formatted(student.vocabulary(), teacher.vocabulary()));
    }
    int time = recipe.data().sequenceLength();
    if (teacher.maxPositions() < time) {
      throw wrong(
          recipe,
          "the %d positions of data.sequence_length, this one has %d"
              .formatted(time, teacher.maxPositions()));
    }
    return new Distillation(model, (float) distill.temperature(), (float) distill.weight());
  }

  /** The model folder of the recipe's teacher as it is now; null where it has none. */
  static @Nullable Path folder(Recipe recipe) {
    var distill = recipe.distill();
    return distill == null ? null : Checkpoints.resolve(distill.model());
  }

  private static IllegalArgumentException wrong(Recipe recipe, String expected) {
    return new IllegalArgumentException(
        "recipe: distill.model: %s: expected %s"
            .formatted(recipe.values().get("distill.model"), expected));
  }
}

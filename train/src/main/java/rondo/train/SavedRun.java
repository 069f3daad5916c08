package rondo.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import rondo.data.rows.Cursor;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.SafetensorsFile;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * A whole checkpoint to go on from, and what it says about itself.
 *
 * @param microBatch rows of a pass; 0 where it does not say
 * @param data the {@link Fingerprint} of each part of the training data
 * @param teacher the {@link Fingerprint} of what it was distilled from; empty for nothing
 * @param recipe the values of the recipe that wrote it
 */
record SavedRun(
    Path folder,
    RunState state,
    int microBatch,
    List<String> data,
    String teacher,
    String environment,
    Map<String, String> recipe) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Keys that do not change what a run computes. */
  private static final Set<String> FREE = Set.of("out", "non_finite", "memory");

  /**
   * Reads what a checkpoint says.
   *
   * @throws CheckpointException when it cannot be read
   */
  static SavedRun read(Path folder) {
    try {
      var manifest = JSON.readTree(Files.readString(folder.resolve(Checkpoints.MANIFEST)));
      var cursor = manifest.path("cursor").valueStream().mapToLong(JsonNode::asLong).toArray();
      var recipe = new TreeMap<String, String>();
      manifest
          .path("recipe")
          .properties()
          .forEach(e -> recipe.put(e.getKey(), e.getValue().asString()));
      return new SavedRun(
          folder,
          new RunState(
              manifest.path("step").asLong(),
              manifest.path("micro").asLong(),
              manifest.path("tokens").asLong(),
              manifest.path("flops").asDouble(),
              Cursor.of(cursor),
              manifest.path("skipped").asLong(0),
              manifest.path("skipped_in_row").asInt(0)),
          manifest.path("micro_batch").asInt(0),
          manifest.path("data").valueStream().map(JsonNode::asString).toList(),
          manifest.path("teacher").asString(""),
          manifest.path("environment").asString(""),
          recipe);
    } catch (IOException | RuntimeException e) {
      throw new CheckpointException(
          folder, Checkpoints.MANIFEST + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Brings a session to where this is.
   *
   * @throws CheckpointException when it is of another recipe or other data, or its files do not fit
   */
  void load(Session session) {
    requireSame(session.recipe.values());
    if (!data.equals(session.fingerprints)) {
      throw new CheckpointException(
          folder,
          "was trained on other data: it was %s and is %s; use another out, or remove it"
              .formatted(data, session.fingerprints));
    }
    if (!teacher.equals(session.teacher)) {
      throw new CheckpointException(
          folder,
          "was distilled from other weights: the teacher was %s and is %s; use another out, or remove it"
              .formatted(teacher, session.teacher));
    }
    WeightFiles.load(folder, session.weights);
    session.working.refresh();
    readMoments(session);
    if (session.average != null) {
      WeightFiles.load(folder.resolve(Checkpoints.EMA), session.average.weights());
    }
    session.batches.seek(state.cursor());
  }

  private void requireSame(Map<String, String> values) {
    var differing = new TreeSet<>(recipe.keySet());
    differing.addAll(values.keySet());
    differing.removeIf(key ->
        key.startsWith("checkpoint.")
            || FREE.contains(key)
            || String.valueOf(recipe.get(key)).equals(String.valueOf(values.get(key))));
    if (!differing.isEmpty()) {
      var key = differing.first();
      throw new CheckpointException(
          folder,
          "was written by another recipe: %s was %s and is %s; use another out, or remove it"
              .formatted(key, recipe.get(key), values.get(key)));
    }
  }

  private void readMoments(Session session) {
    var path = folder.resolve(Checkpoints.MOMENTS);
    try (var file = SafetensorsFile.open(path)) {
      session
          .optimizer
          .state()
          .forEach((name, buffer) -> {
            var stored = file.tensors().get(name);
            if (stored == null || stored.elements() != buffer.type().shape().size()) {
              throw new CheckpointException(
                  path, "expected a tensor '" + name + "' " + buffer.type());
            }
            session.device.fill(buffer, memory -> stored.copyTo(memory, 0));
          });
    }
  }
}

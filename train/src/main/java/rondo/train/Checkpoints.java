package rondo.train;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import rondo.nn.WeightFiles;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.nn.checkpoint.CheckpointException;
import rondo.nn.checkpoint.SafetensorsWriter;
import rondo.nn.checkpoint.TensorToWrite;
import rondo.nn.checkpoint.WriteException;
import tools.jackson.databind.ObjectMapper;

/**
 * Checkpoints of a run: folders {@code step-N}, each a model folder that any command reads, plus
 * moments, run state and, in a model folder {@code ema} of its own, averaged weights. One is
 * written as {@code .step-N.tmp}, every file and the parent synced, and renamed; a manifest with
 * the size of every file, written last, says that it is whole.
 */
public final class Checkpoints {
  private static final String PREFIX = "step-";
  static final String MANIFEST = "checkpoint.json";
  static final String MOMENTS = "optimizer.safetensors";
  static final String EMA = "ema";
  private static final String UNFINISHED = ".{step-*,metrics.jsonl}.tmp*";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path out;

  Checkpoints(Path out) {
    this.out = out;
  }

  /**
   * A model folder itself, or the newest whole checkpoint of a run's folder.
   *
   * @throws CheckpointException when it is neither
   */
  public static Path resolve(Path folder) {
    if (Files.exists(folder.resolve("config.json")) || !Files.isDirectory(folder)) {
      return folder;
    }
    return new Checkpoints(folder).newest(line -> {}).orElse(folder);
  }

  /**
   * All whole checkpoints of a run's folder, the oldest first; none where it is no such folder.
   *
   * @throws CheckpointException when it cannot be listed
   */
  public static List<Path> all(Path folder) {
    return new Checkpoints(folder)
        .newestFirst().reversed().stream().filter(at -> problem(at).isEmpty()).toList();
  }

  /** The newest checkpoint whose manifest holds; broken newer ones are told and passed over. */
  Optional<Path> newest(Consumer<String> notes) {
    for (var folder : newestFirst()) {
      var problem = problem(folder);
      if (problem.isEmpty()) {
        return Optional.of(folder);
      }
      notes.accept(folder + ": is not whole (" + problem.get() + "); using an older one");
    }
    return Optional.empty();
  }

  /**
   * Removes what is newer than the checkpoint after {@code step} steps that a run goes on from: it
   * is broken, and would stand in the way of those that follow.
   */
  void removeAfter(long step, Consumer<String> notes) {
    for (var folder : newestFirst()) {
      if (step(folder) > step) {
        discard(folder);
        notes.accept(folder + ": removed, as it is not whole");
      }
    }
  }

  /** Removes what a killed process left half-written. */
  void removeUnfinished() {
    try (var left = Files.newDirectoryStream(out, UNFINISHED)) {
      for (var path : left) {
        if (Files.isDirectory(path)) {
          remove(path);
        } else {
          Files.delete(path);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      throw new CheckpointException(
          out, "what an interrupted run left cannot be removed: " + e.getMessage(), e);
    }
  }

  private List<Path> newestFirst() {
    var found = new ArrayList<Path>();
    if (Files.isDirectory(out)) {
      try (DirectoryStream<Path> members = Files.newDirectoryStream(out, PREFIX + "*")) {
        for (var p : members) {
          if (step(p) >= 0 && Files.isDirectory(p)) {
            found.add(p);
          }
        }
      } catch (IOException e) {
        throw new CheckpointException(out, "cannot be listed: " + e.getMessage(), e);
      }
    }
    found.sort(Comparator.comparingLong(Checkpoints::step).reversed());
    return found;
  }

  private static long step(Path folder) {
    try {
      return Long.parseLong(folder.getFileName().toString().substring(PREFIX.length()));
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  /** What is wrong with a checkpoint, if anything. */
  private static Optional<String> problem(Path folder) {
    try {
      var manifest = JSON.readTree(Files.readString(folder.resolve(MANIFEST)));
      for (var e : manifest.path("files").properties()) {
        var file = folder.resolve(e.getKey());
        long size = Files.exists(file) ? Files.size(file) : -1;
        if (size != e.getValue().asLong(-2)) {
          return Optional.of(
              e.getKey() + " has " + size + " bytes, expected " + e.getValue().asLong());
        }
      }
      return manifest.path("step").asLong(-1) == step(folder)
          ? Optional.empty()
          : Optional.of("its manifest is of another step");
    } catch (IOException | tools.jackson.core.JacksonException e) {
      return Optional.of("no readable " + MANIFEST);
    }
  }

  /** Whether there is a whole checkpoint after {@code step} steps. */
  boolean has(long step) {
    return problem(out.resolve(PREFIX + step)).isEmpty();
  }

  /** Writes the checkpoint after {@code state.step()} steps and removes all but the newest few. */
  Path write(Session session, RunState state, String environment) {
    var name = PREFIX + state.step();
    var target = out.resolve(name);
    var beside = out.resolve("." + name + ".tmp");
    try {
      remove(beside);
      Files.createDirectories(beside);
      WeightFiles.save(session.weights, beside, WeightFiles.Precision.F32);
      session.companions.forEach((file, bytes) -> AtomicFiles.write(beside.resolve(file), bytes));
      if (session.average != null) {
        var ema = Files.createDirectory(beside.resolve(EMA));
        WeightFiles.save(session.average.weights(), ema, WeightFiles.Precision.F32);
        session.companions.forEach((file, bytes) -> AtomicFiles.write(ema.resolve(file), bytes));
      }
      SafetensorsWriter.write(beside.resolve(MOMENTS), moments(session));
      var manifest = JSON.createObjectNode();
      manifest.put("step", state.step());
      manifest.put("micro", state.micro());
      manifest.put("tokens", state.tokens());
      manifest.put("flops", state.flops());
      manifest.put("skipped", state.skipped());
      manifest.put("skipped_in_row", state.inRow());
      var cursor = manifest.putArray("cursor");
      for (long value : state.cursor().toLongs()) {
        cursor.add(value);
      }
      manifest.put("micro_batch", session.recipe.micro());
      manifest.put("environment", environment);
      session.fingerprints.forEach(manifest.putArray("data")::add);
      manifest.put("teacher", session.teacher);
      var recipe = manifest.putObject("recipe");
      session.recipe.values().forEach(recipe::put);
      var files = manifest.putObject("files");
      for (var file : files(beside)) {
        files.put(beside.relativize(file).toString(), Files.size(file));
      }
      AtomicFiles.write(
          beside.resolve(MANIFEST),
          JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(manifest));
      AtomicFiles.syncFolder(beside);
      remove(target); // only ever a broken one of the same step
      Files.move(beside, target, StandardCopyOption.ATOMIC_MOVE);
      AtomicFiles.syncFolder(out);
    } catch (IOException | RuntimeException e) {
      try {
        remove(beside);
      } catch (IOException | RuntimeException again) {
        e.addSuppressed(again);
      }
      // The folder beside is gone by now: what was to be written has the name that people know.
      var reason = e instanceof IOException io ? CheckpointException.reason(io) : e.getMessage();
      throw new WriteException(
          target,
          "cannot be written (older checkpoints are as they were): "
              + String.valueOf(reason).replace(beside.toString(), target.toString()),
          e);
    }
    prune(target, session.recipe.checkpoint().keep());
    return target;
  }

  private static List<TensorToWrite> moments(Session session) {
    var tensors = new ArrayList<TensorToWrite>();
    session
        .optimizer
        .state()
        .forEach((name, buffer) ->
            tensors.add(
                TensorToWrite.f32(
                    name, session.device.read(buffer), buffer.type().shape().size())));
    return tensors;
  }

  /** All files, also of folders inside. */
  private static List<Path> files(Path folder) throws IOException {
    try (var members = Files.walk(folder)) {
      return members.filter(Files::isRegularFile).sorted().toList();
    }
  }

  /** Removes all but {@code target} and the newest whole ones before it, {@code keep} in all. */
  private void prune(Path target, int keep) {
    int kept = 1;
    for (var folder : newestFirst()) {
      if (step(folder) >= step(target)) {
        continue;
      }
      if (kept < keep && problem(folder).isEmpty()) {
        kept++;
      } else {
        discard(folder);
      }
    }
  }

  private static void discard(Path folder) {
    try {
      remove(folder);
    } catch (IOException e) {
      throw new WriteException(folder, "cannot be removed: " + CheckpointException.reason(e), e);
    }
  }

  private static void remove(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    // The manifest first: half-removed checkpoints must not look whole.
    Files.deleteIfExists(folder.resolve(MANIFEST));
    try (var members = Files.walk(folder)) {
      for (var path : members.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}

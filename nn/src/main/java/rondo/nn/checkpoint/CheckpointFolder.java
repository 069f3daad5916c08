package rondo.nn.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A model folder in Hugging Face layout: {@code config.json} and {@code model.safetensors}, or
 * shards listed in {@code model.safetensors.index.json}. Remembers which tensors were asked for.
 */
public final class CheckpointFolder implements AutoCloseable {
  public static final String CONFIG = "config.json";
  public static final String WEIGHTS = "model.safetensors";
  public static final String INDEX = "model.safetensors.index.json";

  private static final long LONGEST_INDEX = 10_000_000;
  private static final int NAMES_LISTED = 8;

  private final Path folder;
  private final List<SafetensorsFile> files;
  private final Map<String, StoredTensor> tensors;
  private final Set<String> used = ConcurrentHashMap.newKeySet();

  private CheckpointFolder(
      Path folder, List<SafetensorsFile> files, Map<String, StoredTensor> tensors) {
    this.folder = folder;
    this.files = files;
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * Opens every weights file of a folder and checks the headers.
   *
   * @throws CheckpointException one line, when a file is missing or malformed
   */
  public static CheckpointFolder open(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder, Files.exists(folder) ? "not a folder" : "no such folder");
    }
    if (Files.exists(folder.resolve(WEIGHTS))) {
      SafetensorsFile file = SafetensorsFile.open(folder.resolve(WEIGHTS));
      return new CheckpointFolder(folder, List.of(file), file.tensors());
    }
    if (Files.exists(folder.resolve(INDEX))) {
      return openShards(folder);
    }
    boolean pickled =
        Files.exists(folder.resolve("pytorch_model.bin"))
            || Files.exists(folder.resolve("pytorch_model.bin.index.json"));
    throw new CheckpointException(
        folder,
        "holds neither %s nor %s%s"
            .formatted(WEIGHTS, INDEX, pickled ? "; convert its pytorch_model.bin first" : ""));
  }

  /**
   * The names of a folder's tensors, of its index where the weights themselves are not there; none
   * where neither is.
   *
   * @throws CheckpointException one line, when a file is malformed
   */
  public static Set<String> namesIn(Path folder) {
    if (Files.exists(folder.resolve(WEIGHTS))) {
      try (var file = SafetensorsFile.open(folder.resolve(WEIGHTS))) {
        return Set.copyOf(file.tensors().keySet());
      }
    }
    var index = folder.resolve(INDEX);
    return Files.exists(index) ? Set.copyOf(weightMap(index).keySet()) : Set.of();
  }

  public Path path() {
    return folder;
  }

  /** Reads {@code config.json}; the tensors decide which block the model has. */
  public ModelConfig config() {
    return ConfigReader.read(folder.resolve(CONFIG), tensors.keySet());
  }

  /** The names of all tensors. */
  public Set<String> names() {
    return tensors.keySet();
  }

  /** The element types of all parameters; a rotary table is none. */
  public Set<StoredType> types() {
    return tensors.entrySet().stream()
        .filter(e -> !e.getKey().equals("freqs_cis"))
        .map(e -> e.getValue().type())
        .collect(Collectors.toUnmodifiableSet());
  }

  public boolean contains(String name) {
    return tensors.containsKey(name);
  }

  /**
   * The tensor of that name and shape.
   *
   * @throws CheckpointException when it is missing or has another shape
   */
  public StoredTensor require(String name, long... shape) {
    StoredTensor tensor = find(name);
    if (tensor == null) {
      throw new CheckpointException(
          folder,
          "tensor '%s' %s is missing%s"
              .formatted(name, Arrays.toString(shape), Nearest.hint(name, tensors.keySet())));
    }
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new CheckpointException(
          tensor.file(),
          "tensor '%s' has the shape %s, expected %s"
              .formatted(name, tensor.shapeText(), Arrays.toString(shape)));
    }
    return tensor;
  }

  /** The tensor of that name, or null; it counts as used. */
  public @Nullable StoredTensor find(String name) {
    StoredTensor tensor = tensors.get(name);
    if (tensor != null) {
      used.add(name);
    }
    return tensor;
  }

  /** The names that nothing has asked for yet, in file order. */
  public List<String> unused() {
    return tensors.keySet().stream().filter(name -> !used.contains(name)).toList();
  }

  /** One line about the tensors that nothing has asked for, or null when there are none. */
  public @Nullable String unusedNote() {
    List<String> names = unused();
    if (names.isEmpty()) {
      return null;
    }
    String first = String.join(", ", names.subList(0, Math.min(NAMES_LISTED, names.size())));
    return CheckpointException.oneLine(
        "ignored %d unexpected tensor%s: %s%s"
            .formatted(
                names.size(),
                names.size() == 1 ? "" : "s",
                first,
                names.size() > NAMES_LISTED ? ", …" : ""));
  }

  /** Ends the life of every tensor. */
  @Override
  public void close() {
    files.forEach(SafetensorsFile::close);
  }

  private static CheckpointFolder openShards(Path folder) {
    Path index = folder.resolve(INDEX);
    Map<String, String> shardOf = weightMap(index);
    Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    boolean done = false;
    try {
      for (Map.Entry<String, String> entry : shardOf.entrySet()) {
        SafetensorsFile shard = shards.get(entry.getValue());
        if (shard == null) {
          shard = SafetensorsFile.open(folder.resolve(entry.getValue()));
          shards.put(entry.getValue(), shard);
        }
        StoredTensor tensor = shard.tensors().get(entry.getKey());
        if (tensor == null) {
          throw new CheckpointException(
              index,
              "tensor '%s' is not in its shard %s".formatted(entry.getKey(), entry.getValue()));
        }
        tensors.put(entry.getKey(), tensor);
      }
      done = true;
      return new CheckpointFolder(folder, List.copyOf(shards.values()), tensors);
    } finally {
      if (!done) {
        shards.values().forEach(SafetensorsFile::close);
      }
    }
  }

  private static Map<String, String> weightMap(Path index) {
    if (!(JsonFiles.read(index, LONGEST_INDEX).get("weight_map") instanceof ObjectNode map)) {
      throw new CheckpointException(index, "weight_map is missing or not an object");
    }
    Map<String, String> shardOf = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      if (!entry.getValue().isString() || !isPlainName(entry.getValue().asString())) {
        throw new CheckpointException(
            index,
            "tensor '%s' is mapped to %s, expected the name of a file in this folder"
                .formatted(entry.getKey(), entry.getValue()));
      }
      shardOf.put(entry.getKey(), entry.getValue().asString());
    }
    return shardOf;
  }

  /** Whether a name from a file stays in its folder: printable and without separators. */
  private static boolean isPlainName(String name) {
    return name.endsWith(".safetensors")
        && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ' || c > '~');
  }
}

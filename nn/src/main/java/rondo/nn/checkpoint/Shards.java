package rondo.nn.checkpoint;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Tensors over several safetensors files of bounded size, with the index that names each one's
 * file; as Hugging Face's libraries cut them.
 */
public final class Shards {
  private Shards() {}

  /**
   * Cuts a list where the next tensor would exceed {@code most} bytes; a larger tensor is alone.
   *
   * @param most bytes of values in one file, without its header
   */
  public static List<List<TensorToWrite>> cut(List<TensorToWrite> tensors, long most) {
    var shards = new ArrayList<List<TensorToWrite>>();
    var shard = new ArrayList<TensorToWrite>();
    long bytes = 0;
    for (var tensor : tensors) {
      if (!shard.isEmpty() && bytes + tensor.bytes() > most) {
        shards.add(List.copyOf(shard));
        shard.clear();
        bytes = 0;
      }
      shard.add(tensor);
      bytes += tensor.bytes();
    }
    shards.add(List.copyOf(shard));
    return List.copyOf(shards);
  }

  /** The name of a shard's file, counted from 0; of one alone, the usual one. */
  public static String name(int shard, int shards) {
    return shards == 1
        ? CheckpointFolder.WEIGHTS
        : "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards);
  }

  /**
   * Writes one file, or several and then their index.
   *
   * @param folder that is there and holds no weights
   * @return the names of the files with weights
   * @throws WriteException when a file cannot be written
   */
  public static List<String> write(Path folder, List<TensorToWrite> tensors, long most) {
    var shards = cut(tensors, most);
    var names = new ArrayList<String>();
    Map<String, String> fileOf = new TreeMap<>();
    long total = 0;
    for (int i = 0; i < shards.size(); i++) {
      var name = name(i, shards.size());
      var sorted = new ArrayList<>(shards.get(i));
      sorted.sort(Comparator.comparing(TensorToWrite::name));
      SafetensorsWriter.write(folder.resolve(name), sorted);
      names.add(name);
      for (var tensor : sorted) {
        fileOf.put(tensor.name(), name);
        total += tensor.bytes();
      }
    }
    if (shards.size() > 1) {
      var index = JsonFiles.object();
      index.putObject("metadata").put("total_size", total);
      var map = index.putObject("weight_map");
      fileOf.forEach(map::put);
      JsonFiles.write(folder.resolve(CheckpointFolder.INDEX), index);
    }
    return List.copyOf(names);
  }
}

package rondo.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ConfigWriter;
import rondo.nn.checkpoint.Shards;
import rondo.nn.checkpoint.StoredType;
import tools.jackson.databind.json.JsonMapper;

class ExportTest {
  @TempDir Path folder;

  private List<String> export(Path from, WeightFiles.Precision precision, long most) {
    try (var files = CheckpointFolder.open(from)) {
      var names = Shards.write(folder, Export.tensors(files, precision, false), most);
      ConfigWriter.write(
          folder.resolve(CheckpointFolder.CONFIG), files.config().withDtype(precision.dtype()));
      return names;
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama-base", "llama3-base", "llama-retrofit", "olmo2-retrofit", "huginn"})
  void everyValueOfAGoldenModelIsThereInShards(String name) throws IOException {
    var names = export(Golden.folder(name), WeightFiles.Precision.F32, 40_000);
    assertTrue(names.size() > 3, names.toString());
    assertFalse(Files.exists(folder.resolve(CheckpointFolder.WEIGHTS)));
    try (var given = CheckpointFolder.open(Golden.folder(name));
        var made = CheckpointFolder.open(folder)) {
      var expected = new HashSet<>(given.names());
      if (name.equals("huginn")) {
        expected.addAll(List.of("lm_head.weight", "freqs_cis"));
      }
      assertEquals(expected, made.names());
      assertEquals(given.config(), made.config());
      long total = 0;
      for (var tensor : made.names()) {
        var stored = java.util.Objects.requireNonNull(made.find(tensor));
        total += stored.data().byteSize();
        var source =
            given.find(
                tensor.equals("lm_head.weight") && !given.contains(tensor)
                    ? "transformer.wte.weight"
                    : tensor);
        if (source != null) {
          assertArrayEquals(source.readFloats(), stored.readFloats(), tensor);
        }
      }
      var index =
          JsonMapper.shared().readTree(Files.readString(folder.resolve(CheckpointFolder.INDEX)));
      assertEquals(total, index.path("metadata").path("total_size").asLong());
      assertEquals(made.names().size(), index.path("weight_map").size());
    }
    for (var shard : names) {
      try (var alone = rondo.nn.checkpoint.SafetensorsFile.open(folder.resolve(shard))) {
        long bytes = alone.tensors().values().stream().mapToLong(t -> t.data().byteSize()).sum();
        assertTrue(bytes <= 40_000 || alone.tensors().size() == 1, shard + ": " + bytes);
      }
    }
  }

  @Test
  void huginnsRotaryTableIsTheOneOfThePublishedModel() {
    export(Golden.folder("huginn"), WeightFiles.Precision.BF16, Long.MAX_VALUE);
    try (var made = CheckpointFolder.open(folder)) {
      var config = made.config();
      int size = config.block().headDim();
      var stored = made.require("freqs_cis", 1, config.maxPositions(), 1, size / 2, 2);
      assertEquals(StoredType.F32, stored.type());
      var values = stored.readFloats();
      for (int t = 0; t < config.maxPositions(); t++) {
        for (int j = 0; j < size / 2; j++) {
          float frequency = (float) Math.pow(config.block().rope().theta(), -2.0 * j / size);
          double angle = t * frequency;
          assertEquals(Math.cos(angle), values[t * size + 2 * j], 1e-6);
          assertEquals(Math.sin(angle), values[t * size + 2 * j + 1], 1e-6);
        }
      }
      assertEquals(
          StoredType.BF16, java.util.Objects.requireNonNull(made.find("lm_head.weight")).type());
      assertEquals("bfloat16", config.dtype());
    }
  }
}

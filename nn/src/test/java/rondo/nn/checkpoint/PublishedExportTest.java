package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.nn.Export;
import rondo.nn.WeightFiles;

/** Exports of models of the published shapes, whose files here are headers over holes. */
class PublishedExportTest {
  private static final long FIVE_GB = 5_000_000_000L;

  @TempDir Path folder;

  /** The published names and shapes of a retrofit with these blocks. */
  private static Map<String, long[]> retrofit(
      int prelude, int core, int coda, long vocabulary, long qkv, long hidden, boolean qkNorm) {
    var shapes = new LinkedHashMap<String, long[]>();
    shapes.put("transformer.wte.weight", new long[] {vocabulary, 2048});
    shapes.put("lm_head.weight", new long[] {vocabulary, 2048});
    shapes.put("transformer.adapter.weight", new long[] {2048, 4096});
    shapes.put("transformer.ln_f.weight", new long[] {2048});
    var counts = Map.of("prelude", prelude, "core_block", core, "coda", coda);
    counts.forEach((part, count) -> {
      for (int i = 0; i < count; i++) {
        var path = "transformer." + part + "." + i + ".";
        shapes.put(path + "attn.Wqkv.weight", new long[] {qkv, 2048});
        shapes.put(path + "attn.proj.weight", new long[] {2048, 2048});
        shapes.put(path + "mlp.fc.weight", new long[] {2 * hidden, 2048});
        shapes.put(path + "mlp.proj.weight", new long[] {2048, hidden});
        shapes.put(path + "norm_1.weight", new long[] {2048});
        shapes.put(path + "norm_2.weight", new long[] {2048});
        if (qkNorm) {
          shapes.put(path + "attn.q_norm.weight", new long[] {2048});
          shapes.put(path + "attn.k_norm.weight", new long[] {2048});
        }
      }
    });
    return shapes;
  }

  private static Map<String, long[]> huginn() {
    var shapes = new LinkedHashMap<String, long[]>();
    shapes.put("transformer.wte.weight", new long[] {65536, 5280});
    shapes.put("lm_head.weight", new long[] {65536, 5280});
    shapes.put("freqs_cis", new long[] {1, 4096, 1, 48, 2});
    shapes.put("transformer.adapter.weight", new long[] {5280, 10560});
    shapes.put("transformer.ln_f.weight", new long[] {5280});
    for (var block :
        List.of(
            "prelude.0",
            "prelude.1",
            "core_block.0",
            "core_block.1",
            "core_block.2",
            "core_block.3",
            "coda.0",
            "coda.1")) {
      var path = "transformer." + block + ".";
      for (int i = 1; i <= 4; i++) {
        shapes.put(path + "norm_" + i + ".weight", new long[] {5280});
      }
      shapes.put(path + "attn.Wqkv.weight", new long[] {15840, 5280});
      shapes.put(path + "attn.qk_bias", new long[] {2, 1, 55, 96});
      shapes.put(path + "attn.proj.weight", new long[] {5280, 5280});
      shapes.put(path + "mlp.fc.weight", new long[] {35840, 5280});
      shapes.put(path + "mlp.proj.weight", new long[] {5280, 17920});
    }
    return shapes;
  }

  /** A model folder of these shapes: a header, and a hole where its values would be. */
  private CheckpointFolder holes(ModelConfig config, Map<String, long[]> shapes)
      throws IOException {
    var json = JsonFiles.object();
    long offset = 0;
    for (var e : shapes.entrySet()) {
      var node = json.putObject(e.getKey()).put("dtype", "F32");
      Arrays.stream(e.getValue()).forEach(node.putArray("shape")::add);
      long end = offset + 4 * Arrays.stream(e.getValue()).reduce(1, (a, b) -> a * b);
      node.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    var header = json.toString().getBytes(StandardCharsets.UTF_8);
    try (var file =
        FileChannel.open(
            folder.resolve(CheckpointFolder.WEIGHTS),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      var start = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
      file.write(start.putLong(header.length).put(header).flip());
      file.write(ByteBuffer.allocate(1), 8 + header.length + offset - 1);
    }
    ConfigWriter.write(folder.resolve(CheckpointFolder.CONFIG), config);
    return CheckpointFolder.open(folder);
  }

  private static Map<String, List<Long>> sorted(Map<String, long[]> shapes) {
    var sorted = new TreeMap<String, List<Long>>();
    shapes.forEach((name, shape) -> sorted.put(name, Arrays.stream(shape).boxed().toList()));
    return sorted;
  }

  private static Map<String, List<Long>> shapes(List<TensorToWrite> tensors) {
    var shapes = new LinkedHashMap<String, long[]>();
    tensors.forEach(tensor -> shapes.put(tensor.name(), tensor.shape()));
    assertEquals(tensors.size(), shapes.size(), "no name twice");
    return sorted(shapes);
  }

  private static long bytes(List<TensorToWrite> tensors) {
    return tensors.stream().mapToLong(TensorToWrite::bytes).sum();
  }

  @ParameterizedTest
  @CsvSource({
    "tinyllama-4-8-4, 4, 8, 4, 32000, 2560, 5632, false, 844171264, 1",
    "llama3.2-4-6-4, 4, 6, 4, 128256, 3072, 8192, false, 1385228288, 2",
    "llama3.2-2-4-2, 2, 4, 2, 128256, 3072, 8192, false, 1020299264, 1",
    "olmo2-4-6-4, 4, 6, 4, 100352, 6144, 8192, true, 1359071232, 2"
  })
  void retrofitsHaveThePublishedNamesAndShapes(
      String name,
      int prelude,
      int core,
      int coda,
      long vocabulary,
      long qkv,
      long hidden,
      boolean qkNorm,
      long parameters,
      int shards)
      throws IOException {
    var expected = retrofit(prelude, core, coda, vocabulary, qkv, hidden, qkNorm);
    try (var files = holes(Published.named(name).config(), expected)) {
      var tensors = Export.tensors(files, WeightFiles.Precision.F32, false);
      assertEquals(sorted(expected), shapes(tensors));
      assertEquals(4 * parameters, bytes(tensors));
      assertEquals(shards, Shards.cut(tensors, FIVE_GB).size());
      var rounded = Export.tensors(files, WeightFiles.Precision.BF16, false);
      assertEquals(sorted(expected), shapes(rounded));
      assertEquals(2 * parameters, bytes(rounded));
      assertEquals(1, Shards.cut(rounded, FIVE_GB).size());
    }
  }

  @Test
  void huginnsFilesHaveThePublishedSizesToTheByte() throws IOException {
    var expected = huginn();
    try (var files = holes(Published.named("huginn").config(), expected)) {
      var tensors = Export.tensors(files, WeightFiles.Precision.F32, false);
      assertEquals(77, tensors.size());
      assertEquals(sorted(expected), shapes(tensors));
      var shards = Shards.cut(tensors, FIVE_GB);
      var sizes = new ArrayList<Long>();
      for (var shard : shards) {
        var byName = new ArrayList<>(shard);
        byName.sort(java.util.Comparator.comparing(TensorToWrite::name));
        int header = SafetensorsWriter.header(byName, Map.of("format", "pt")).length;
        sizes.add(8 + header + bytes(shard));
      }
      assertEquals(List.of(4771970936L, 4744780096L, 4744737616L, 1384120448L), sizes);
      assertEquals("model-00004-of-00004.safetensors", Shards.name(3, shards.size()));
      assertEquals("lm_head.weight", shards.getLast().getFirst().name());

      var rounded = Export.tensors(files, WeightFiles.Precision.BF16, false);
      for (var tensor : rounded) {
        boolean table = tensor.name().equals("freqs_cis");
        assertEquals(table ? StoredType.F32 : StoredType.BF16, tensor.type(), tensor.name());
      }
      assertTrue(bytes(rounded) < bytes(tensors) / 2 + 2_000_000);
    }
  }
}

package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointFolderTest {
  @TempDir Path folder;

  private void write(String file, String... names) {
    SafetensorsWriter.write(
        folder.resolve(file),
        Arrays.stream(names)
            .map(name -> TensorToWrite.f32(name, MemorySegment.ofArray(new float[6]), 2, 3))
            .toList());
  }

  private void index(String weightMap) {
    Samples.text(folder.resolve(CheckpointFolder.INDEX), "{\"weight_map\":" + weightMap + "}");
  }

  private void assertOpenFault(String... parts) {
    Samples.assertFault(() -> CheckpointFolder.open(folder).close(), parts);
  }

  @Test
  void oneFileIsEnough() {
    write("model.safetensors", "a", "b");
    try (CheckpointFolder checkpoint = CheckpointFolder.open(folder)) {
      assertArrayEquals(new float[6], checkpoint.require("a", 2, 3).readFloats());
      assertNull(checkpoint.find("c"));
      assertEquals(List.of("b"), checkpoint.unused());
      assertEquals("ignored 1 unexpected tensor: b", checkpoint.unusedNote());
      assertNotNull(checkpoint.find("b"));
      assertNull(checkpoint.unusedNote());
    }
  }

  @Test
  void shardsAreFoundThroughTheIndex() {
    write("model-00001-of-00002.safetensors", "a", "unmapped");
    write("model-00002-of-00002.safetensors", "b");
    index(
        "{\"b\":\"model-00002-of-00002.safetensors\",\"a\":\"model-00001-of-00002.safetensors\"}");
    try (CheckpointFolder checkpoint = CheckpointFolder.open(folder)) {
      assertEquals(List.of("b", "a"), List.copyOf(checkpoint.names()));
      assertEquals(6, checkpoint.require("b", 2, 3).elements());
    }
  }

  @Test
  void aMissingTensorIsNamedWithItsShapeAndTheNearestName() {
    write("model.safetensors", "transformer.adapter.weight", "lm_head.weight");
    try (CheckpointFolder checkpoint = CheckpointFolder.open(folder)) {
      Samples.assertFault(
          () -> checkpoint.require("transformer.adaptor.weight", 2, 4),
          folder.toString(),
          "tensor 'transformer.adaptor.weight' [2, 4] is missing",
          "nearest name is 'transformer.adapter.weight'");
    }
  }

  @Test
  void aMisshapenTensorIsNamedWithBothShapes() {
    write("model.safetensors", "a");
    try (CheckpointFolder checkpoint = CheckpointFolder.open(folder)) {
      Samples.assertFault(
          () -> checkpoint.require("a", 3, 2),
          "model.safetensors: tensor 'a' has the shape [2, 3], expected [3, 2]");
      Samples.assertFault(() -> checkpoint.require("a", 6), "expected [6]");
    }
  }

  @Test
  void manyUnexpectedTensorsAreCutShort() {
    write("model.safetensors", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
    try (CheckpointFolder checkpoint = CheckpointFolder.open(folder)) {
      assertEquals(
          "ignored 10 unexpected tensors: a, b, c, d, e, f, g, h, …", checkpoint.unusedNote());
    }
  }

  @Test
  void aFolderWithoutWeightsIsRefused() {
    assertOpenFault("holds neither model.safetensors nor model.safetensors.index.json");
    Samples.text(folder.resolve("pytorch_model.bin"), "x");
    assertOpenFault("convert its pytorch_model.bin first");
    Samples.assertFault(() -> CheckpointFolder.open(folder.resolve("x")), "no such folder");
    Samples.assertFault(
        () -> CheckpointFolder.open(folder.resolve("pytorch_model.bin")), "not a folder");
  }

  @Test
  void anIndexMayNotLeadOutOfItsFolder() {
    for (String shard :
        List.of(
            "../x.safetensors",
            "/etc/x.safetensors",
            "a/b.safetensors",
            "a\\\\b.safetensors",
            "c:x.safetensors",
            "\\u0000.safetensors",
            "..",
            "config.json",
            "")) {
      index("{\"a\":\"" + shard + "\"}");
      assertOpenFault("index.json: tensor 'a' is mapped to \"" + shard + "\"", "in this folder");
    }
    index("{\"a\":1}");
    assertOpenFault("tensor 'a' is mapped to 1");
  }

  @Test
  void aDamagedIndexIsRefused() {
    index("[]");
    assertOpenFault("weight_map is missing or not an object");
    index("{\"a\":\"m.safetensors\"}");
    assertOpenFault("m.safetensors: no such file");
    write("m.safetensors", "b");
    assertOpenFault("tensor 'a' is not in its shard m.safetensors");
    index("{\"b\":\"m.safetensors\",\"b\":\"m.safetensors\"}");
    assertOpenFault("uplicate", "\"b\"");
    Samples.text(folder.resolve(CheckpointFolder.INDEX), "{");
    assertOpenFault("not valid JSON");
    Samples.text(folder.resolve(CheckpointFolder.INDEX), "{} {}");
    assertOpenFault("more than one JSON value");
    Samples.text(folder.resolve(CheckpointFolder.INDEX), "[".repeat(100_000));
    assertOpenFault("not valid JSON");
    Samples.text(folder.resolve(CheckpointFolder.INDEX), "");
    assertOpenFault("index.json");
  }

  @Test
  void realFoldersOpenWithTheirConfiguration() {
    Path golden = Samples.shared("golden");
    for (String name :
        List.of(
            "llama-base",
            "llama3-base",
            "olmo2-base",
            "llama-retrofit",
            "olmo2-retrofit",
            "huginn")) {
      try (CheckpointFolder checkpoint = CheckpointFolder.open(golden.resolve(name))) {
        ModelConfig config = checkpoint.config();
        long stored = 0;
        for (String tensor : checkpoint.names()) {
          boolean counted =
              !tensor.equals("freqs_cis") && !(config.tied() && tensor.equals("lm_head.weight"));
          stored += counted ? elements(checkpoint, tensor) : 0;
        }
        assertEquals(ParameterCounts.of(config).total(), stored, name);
      }
    }
  }

  @Test
  void stackedRowsOfABaseAreTheMatrixOfItsRetrofit() {
    Path golden = Samples.shared("golden");
    try (CheckpointFolder base = CheckpointFolder.open(golden.resolve("llama-base"));
        CheckpointFolder retrofit = CheckpointFolder.open(golden.resolve("llama-retrofit"))) {
      BlockConfig block = base.config().block();
      long width = block.width();
      float[] stacked = new float[block.qkvWidth() * block.width()];
      MemorySegment to = MemorySegment.ofArray(stacked);
      String layer = "model.layers.2.self_attn.";
      base.require(layer + "q_proj.weight", block.queryWidth(), width).copyTo(to, 0);
      base.require(layer + "k_proj.weight", block.kvWidth(), width)
          .copyTo(to, block.queryWidth() * width);
      base.require(layer + "v_proj.weight", block.kvWidth(), width)
          .copyRows(0, block.kvWidth(), to, (block.queryWidth() + block.kvWidth()) * width);
      assertArrayEquals(
          retrofit
              .require("transformer.core_block.0.attn.Wqkv.weight", block.qkvWidth(), width)
              .readFloats(),
          stacked);
    }
  }

  private static long elements(CheckpointFolder checkpoint, String name) {
    StoredTensor tensor = checkpoint.find(name);
    return tensor == null ? 0 : tensor.elements();
  }
}

package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ConfigWriterTest {
  @TempDir Path folder;

  private static Set<String> tensorsOf(BlockKind kind) {
    return switch (kind) {
      case HUGINN -> Set.of("transformer.coda.0.attn.qk_bias");
      case OLMO2 -> Set.of("transformer.coda.0.attn.q_norm.weight");
      case LLAMA -> Set.of();
    };
  }

  private void assertRoundTrip(ModelConfig config, String what) {
    Path file = folder.resolve("config.json");
    ConfigWriter.write(file, config);
    assertEquals(config, ConfigReader.read(file, tensorsOf(config.block().kind())), what);
  }

  @Test
  void everyPublishedModelIsReadAsItWasWritten() {
    for (Published model : Published.all()) {
      assertRoundTrip(model.config(), model.name());
    }
  }

  @Test
  void everyRealConfigurationIsReadAsItWasWritten() {
    for (String name :
        List.of(
            "golden/huginn",
            "golden/llama-base",
            "golden/llama3-base",
            "golden/olmo2-base",
            "golden/llama-retrofit",
            "golden/olmo2-retrofit",
            "models/stories260K-hf",
            "models/babyllama361-hf")) {
      try (CheckpointFolder checkpoint = CheckpointFolder.open(Samples.shared(name))) {
        assertRoundTrip(checkpoint.config(), name);
      }
    }
  }

  @Test
  void goldenConfigurationsSayWhatTheySay() {
    Path golden = Samples.shared("golden");
    try (CheckpointFolder checkpoint = CheckpointFolder.open(golden.resolve("llama-retrofit"))) {
      RecurrentConfig config = (RecurrentConfig) checkpoint.config();
      assertEquals(BlockKind.LLAMA, config.block().kind());
      assertEquals(2, config.block().kvHeads());
      assertEquals(
          new Origin("llama-base", new Surgery(List.of(0), List.of(2, 3), List.of(5)), null),
          config.origin());
      assertEquals(0.001, config.block().eps());
      assertEquals(4, config.meanRecurrence());
      assertEquals(2, config.backpropDepth());
    }
    try (CheckpointFolder checkpoint = CheckpointFolder.open(golden.resolve("huginn"))) {
      RecurrentConfig config = (RecurrentConfig) checkpoint.config();
      assertEquals(new Rope(50000, true, null), config.block().rope());
      assertEquals(0.6324555320336759, config.stateStd(), 1e-12);
      assertTrue(config.tied());
    }
    try (CheckpointFolder checkpoint = CheckpointFolder.open(golden.resolve("llama3-base"))) {
      assertEquals(new Llama3Scaling(8, 1, 4, 32), checkpoint.config().block().rope().scaling());
    }
  }

  @Test
  void aRecurrentConfigurationHasThePublishedKeys() throws IOException {
    Path file = folder.resolve("config.json");
    ConfigWriter.write(file, Published.named("llama3.2-4-6-4").config());
    String json = Files.readString(file);
    for (String line :
        List.of(
            "\"RavenForCausalLM\"",
            "\"model_type\" : \"huginn_raven\"",
            "\"num_attention_heads\" : 32",
            "\"n_layers\" : 14",
            "\"n_layers_in_recurrent_block\" : 6",
            "\"padded_vocab_size\" : 128256",
            "\"bos_token_id\" : 128000",
            "\"eos_token_id\" : 128001",
            "\"embed_scale\" : 1.0",
            "\"tie_embeddings\" : false",
            "\"rope_type\" : \"llama3\"",
            "\"adapter\" : \"kaiming\"")) {
      assertTrue(json.contains(line), line + " is not in " + json);
    }
    assertFalse(json.contains("tie_word_embeddings"), "the published class fails on it");
    assertFalse(json.contains("\r"), "the same bytes everywhere");
  }

  /**
   * What the published configuration class has a default for, Huginn's: a key that is missing would
   * silently be Huginn's. Those from {@code num_key_value_heads} on it derives from others.
   */
  @ParameterizedTest
  @ValueSource(strings = {"huginn", "tinyllama-4-8-4", "llama3.2-2-4-2", "olmo2-4-6-4"})
  void noKeyIsLeftToThePublishedDefaults(String name) throws IOException {
    Path file = folder.resolve("config.json");
    ConfigWriter.write(file, Published.named(name).config());
    JsonNode json = JsonMapper.shared().readTree(Files.readString(file));
    for (String key :
        """
        n_embd n_heads n_layers block_size vocab_size padding_multiple tie_embeddings
        intermediate_size bias architecture_class_name block_class_name norm_class_name norm_eps
        mlp_class_name nonlin_name init_strategy init_orthogonal state_init injection_type
        n_layers_in_recurrent_block mean_recurrence sampling_scheme mean_backprop_depth
        n_layers_in_prelude n_layers_in_coda qk_bias activation_checkpoint_impl torch_dtype
        test_time_noise test_time_noise_type num_key_value_heads num_attention_heads head_dim
        effective_expected_depth init_values
        """
            .strip()
            .split("\\s+", -1)) {
      assertTrue(json.has(key), key);
    }
    assertTrue(json.has(name.equals("huginn") ? "rope_base" : "rope_theta"));
    for (String key : List.of("std", "out_proj", "embedding", "embed_scale")) {
      assertTrue(json.path("init_values").has(key), key);
    }
  }

  @Test
  void severalEndTokensAreKept() {
    BaseConfig base = (BaseConfig) Published.named("llama3.2").config();
    assertRoundTrip(
        new BaseConfig(
            base.block(),
            base.layers(),
            base.vocabulary(),
            base.maxPositions(),
            base.tied(),
            new TokenIds(null, List.of(5, 6, 7), 0),
            "bfloat16"),
        "several");
  }
}

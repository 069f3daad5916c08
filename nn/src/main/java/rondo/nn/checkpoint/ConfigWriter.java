package rondo.nn.checkpoint;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes {@code config.json} in the published layouts, with every key that the published code
 * knows: for those it misses it takes its own defaults, which are Huginn's.
 */
public final class ConfigWriter {
  private static final int PADDING = 4096;

  private ConfigWriter() {}

  /**
   * Writes a configuration, atomically.
   *
   * @throws WriteException when the file cannot be written; an older one is then untouched
   */
  public static void write(Path file, ModelConfig config) {
    JsonFiles.write(
        file,
        switch (config) {
          case BaseConfig base -> base(base);
          case RecurrentConfig recurrent -> recurrent(recurrent);
        });
  }

  private static ObjectNode base(BaseConfig config) {
    BlockConfig block = config.block();
    boolean llama = block.kind() == BlockKind.LLAMA;
    ObjectNode json = JsonFiles.object();
    json.putArray("architectures").add(llama ? "LlamaForCausalLM" : "Olmo2ForCausalLM");
    json.put("model_type", llama ? "llama" : "olmo2");
    json.put("hidden_size", block.width());
    json.put("intermediate_size", block.hidden());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", block.heads());
    json.put("num_key_value_heads", block.kvHeads());
    json.put("head_dim", block.headDim());
    json.put("vocab_size", config.vocabulary());
    json.put("rms_norm_eps", block.eps());
    json.put("rope_theta", block.rope().theta());
    putScaling(json, block.rope().scaling());
    json.put("max_position_embeddings", config.maxPositions());
    json.put("tie_word_embeddings", config.tied());
    json.put("hidden_act", "silu");
    json.put("attention_bias", false);
    if (llama) {
      json.put("mlp_bias", false);
    }
    putCommon(json, config);
    return json;
  }

  private static ObjectNode recurrent(RecurrentConfig config) {
    BlockConfig block = config.block();
    boolean huginn = block.kind() == BlockKind.HUGINN;
    ObjectNode json = JsonFiles.object();
    json.putArray("architectures").add("RavenForCausalLM");
    json.put("model_type", "huginn_raven");
    ObjectNode classes = json.putObject("auto_map");
    classes.put("AutoConfig", "raven_config_minimal.RavenConfig");
    classes.put("AutoModelForCausalLM", "raven_modeling_minimal.RavenForCausalLM");
    json.put("architecture_class_name", "RecurrentGPT");
    json.put("block_class_name", "SandwichBlock"); // published retrofits say so too
    json.put("norm_class_name", "RMSNorm_llama");
    json.put("mlp_class_name", "GatedMLP");
    json.put("nonlin_name", "SiLU");
    json.put("n_embd", block.width());
    json.put("n_heads", block.heads());
    json.put("num_attention_heads", block.heads());
    json.put("num_key_value_heads", block.kvHeads());
    json.put("head_dim", block.headDim());
    json.put("intermediate_size", block.hidden());
    json.put("n_layers", config.prelude() + config.core() + config.coda());
    json.put("n_layers_in_prelude", config.prelude());
    json.put("n_layers_in_recurrent_block", config.core());
    json.put("n_layers_in_coda", config.coda());
    json.put("vocab_size", config.vocabulary());
    json.put("padded_vocab_size", config.vocabulary());
    json.put("padding_multiple", PADDING);
    json.put("norm_eps", block.eps());
    if (huginn) {
      json.put("rope_base", block.rope().theta());
    } else {
      json.put("rope_theta", block.rope().theta());
      putScaling(json, block.rope().scaling());
    }
    // Not tie_word_embeddings: the published configuration class sets it and fails on a second one.
    json.put("tie_embeddings", config.tied());
    json.put("qk_bias", huginn);
    json.put("bias", false);
    json.put("injection_type", "linear");
    json.put("state_init", "like-init");
    json.put("init_strategy", "takase");
    json.put("init_orthogonal", false);
    json.put("mean_recurrence", config.meanRecurrence());
    json.put("sampling_scheme", "poisson-lognormal-filling");
    json.put("mean_backprop_depth", config.backpropDepth());
    json.put("effective_expected_depth", config.effectiveDepth());
    json.put("activation_checkpoint_impl", "per-iteration");
    json.put("test_time_noise", 0);
    json.put("test_time_noise_type", "fixed");
    json.put("block_size", config.maxPositions());
    json.put("max_position_embeddings", config.maxPositions());
    ObjectNode init = json.putObject("init_values");
    init.put("std", config.init().std());
    init.put("out_proj", config.init().outProj());
    init.put("embedding", config.init().std());
    init.put("embed_scale", config.init().embedScale());
    putCommon(json, config);
    putOrigin(json, config.origin());
    return json;
  }

  private static void putCommon(ObjectNode json, ModelConfig config) {
    json.put("torch_dtype", config.dtype());
    putTokens(json, config.tokens());
  }

  static void putTokens(ObjectNode json, TokenIds tokens) {
    json.put("bos_token_id", tokens.bos());
    switch (tokens.eos().size()) {
      case 0 -> json.putNull("eos_token_id");
      case 1 -> json.put("eos_token_id", tokens.eos().getFirst());
      default -> putAll(json.putArray("eos_token_id"), tokens.eos());
    }
    json.put("pad_token_id", tokens.pad());
  }

  private static void putScaling(ObjectNode json, @Nullable Llama3Scaling scaling) {
    if (scaling == null) {
      json.putNull("rope_scaling");
      return;
    }
    ObjectNode node = json.putObject("rope_scaling");
    node.put("factor", scaling.factor());
    node.put("low_freq_factor", scaling.lowFrequency());
    node.put("high_freq_factor", scaling.highFrequency());
    node.put("original_max_position_embeddings", scaling.originalPositions());
    node.put("rope_type", "llama3");
  }

  private static void putOrigin(ObjectNode json, @Nullable Origin origin) {
    if (origin != null) {
      ObjectNode node = json.putObject("surgery");
      node.put("source", origin.source());
      putAll(node.putArray("prelude"), origin.surgery().prelude());
      putAll(node.putArray("core"), origin.surgery().core());
      putAll(node.putArray("coda"), origin.surgery().coda());
      if (origin.adapter() != null) {
        node.put("adapter", origin.adapter());
      }
    }
  }

  private static void putAll(ArrayNode array, List<Integer> values) {
    values.forEach(array::add);
  }
}

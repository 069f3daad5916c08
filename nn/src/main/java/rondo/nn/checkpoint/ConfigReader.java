package rondo.nn.checkpoint;

import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Reads {@code config.json} of fixed-depth and depth-recurrent models. */
public final class ConfigReader {
  private static final long LONGEST = 10_000_000;

  private final JsonFields json;
  private final Set<String> tensors;

  private ConfigReader(JsonFields json, Set<String> tensors) {
    this.json = json;
    this.tensors = tensors;
  }

  /**
   * Reads and checks a configuration; what the file says wins over every default.
   *
   * @param tensors the names of the folder's tensors, which decide the block of a recurrent model
   * @throws CheckpointException one line naming the file and the key
   */
  public static ModelConfig read(Path file, Set<String> tensors) {
    ConfigReader reader =
        new ConfigReader(new JsonFields(file, JsonFiles.read(file, LONGEST)), tensors);
    try {
      return reader.model();
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file, String.valueOf(e.getMessage()), e);
    }
  }

  private ModelConfig model() {
    return switch (architecture()) {
      case "LlamaForCausalLM" -> base(BlockKind.LLAMA);
      case "Olmo2ForCausalLM" -> base(BlockKind.OLMO2);
      default -> recurrent();
    };
  }

  private String architecture() {
    String byType =
        switch (String.valueOf(json.textOrNull("model_type"))) {
          case "llama" -> "LlamaForCausalLM";
          case "olmo2" -> "Olmo2ForCausalLM";
          case "huginn_raven" -> "RavenForCausalLM";
          default -> null;
        };
    JsonNode listed = json.object().path("architectures").path(0);
    String architecture = listed.isString() ? listed.asString() : byType;
    if (architecture == null) {
      throw new CheckpointException(
          json.file(), "keys 'architectures' and 'model_type' name no known model");
    }
    return switch (architecture) {
      case "LlamaForCausalLM", "Olmo2ForCausalLM", "RavenForCausalLM" -> architecture;
      default ->
          throw json.wrong(
              "architectures", listed, "LlamaForCausalLM, Olmo2ForCausalLM or RavenForCausalLM");
    };
  }

  private BaseConfig base(BlockKind kind) {
    json.only("hidden_act", "silu");
    refuse("attention_bias");
    refuse("mlp_bias");
    int width = json.integer("hidden_size");
    int heads = json.integer("num_attention_heads");
    BlockConfig block =
        new BlockConfig(
            kind,
            width,
            heads,
            json.integerOr(heads, "num_key_value_heads"),
            headDim(width, heads),
            json.integer("intermediate_size"),
            json.number("rms_norm_eps"),
            new Rope(baseTheta(), false, scaling()));
    return new BaseConfig(
        block,
        json.integer("num_hidden_layers"),
        json.integer("vocab_size"),
        json.integer("max_position_embeddings"),
        json.boolOr(false, "tie_word_embeddings"),
        new TokenIds(
            json.integerOrNull("bos_token_id"),
            json.integers("eos_token_id"),
            json.integerOrNull("pad_token_id")),
        dtype());
  }

  private RecurrentConfig recurrent() {
    json.only("injection_type", "linear");
    json.only("state_init", "like-init");
    json.only("mlp_class_name", "GatedMLP");
    json.only("nonlin_name", "SiLU");
    json.only("hidden_act", "silu");
    refuse("bias");
    if (json.numberOr(0, "test_time_noise") != 0) {
      throw json.wrong("test_time_noise", json.object().path("test_time_noise"), "0");
    }
    BlockKind kind = kindOfTensors();
    boolean huginn = kind == BlockKind.HUGINN;
    int width = json.integer("n_embd", "hidden_size");
    int heads = json.integer("n_heads", "num_attention_heads");
    BlockConfig block =
        new BlockConfig(
            kind,
            width,
            heads,
            json.integerOr(heads, "num_key_value_heads"),
            headDim(width, heads),
            json.integer("intermediate_size"),
            json.number("norm_eps"),
            huginn
                ? new Rope(json.number("rope_base"), true, null)
                : new Rope(retrofitTheta(), false, scaling()));
    int prelude = json.integer("n_layers_in_prelude");
    int core = json.integer("n_layers_in_recurrent_block");
    int coda = json.integer("n_layers_in_coda");
    int mean = json.integer("mean_recurrence");
    // At least 1 and not an int, so that absurd counts reach the checks that name them.
    long depth = Math.max(1, prelude + (long) core * mean + coda);
    int vocabulary = json.integer("padded_vocab_size", "vocab_size");
    return new RecurrentConfig(
        block,
        prelude,
        core,
        coda,
        vocabulary,
        // Huginn's rotary table ends at block_size; in retrofits that key is a leftover.
        huginn
            ? json.integer("block_size", "max_position_embeddings")
            : json.integer("max_position_embeddings", "block_size"),
        json.bool("tie_embeddings"),
        initValues(huginn, width, depth),
        mean,
        json.integer("mean_backprop_depth"),
        recurrentTokens(huginn, vocabulary),
        dtype(),
        origin());
  }

  /** The class name in the file is the same for all three, so the tensors decide. */
  private BlockKind kindOfTensors() {
    if (tensors.stream().anyMatch(name -> name.endsWith(".attn.qk_bias"))) {
      return BlockKind.HUGINN;
    }
    return tensors.stream().anyMatch(name -> name.endsWith(".attn.q_norm.weight"))
        ? BlockKind.OLMO2
        : BlockKind.LLAMA;
  }

  private int headDim(int width, int heads) {
    if (json.has("head_dim")) {
      return json.integer("head_dim");
    }
    if (heads < 1 || width % heads != 0) {
      throw new CheckpointException(
          json.file(),
          "key 'head_dim' is missing and width %d is not a multiple of %d heads"
              .formatted(width, heads));
    }
    return width / heads;
  }

  private double baseTheta() {
    JsonFields parameters = json.child("rope_parameters");
    if (!json.has("rope_theta") && parameters != null) {
      return parameters.number("rope_theta");
    }
    // The published TinyLlama predates the key; every such model has this value.
    return json.numberOr(10000, "rope_theta");
  }

  private double retrofitTheta() {
    return json.number("rope_theta");
  }

  private @Nullable Llama3Scaling scaling() {
    // Newer versions of the Python library write rope_parameters, with theta among the rest.
    String key = json.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
    JsonFields scaling = json.child(key);
    if (scaling == null) {
      return null;
    }
    String type = scaling.text("rope_type", "type");
    return switch (type) {
      case "default" -> null;
      case "llama3" ->
          new Llama3Scaling(
              scaling.number("factor"),
              scaling.number("low_freq_factor"),
              scaling.number("high_freq_factor"),
              scaling.integer("original_max_position_embeddings"));
      default -> throw scaling.wrong(key, scaling.object(), "rope_type llama3 or default");
    };
  }

  private InitValues initValues(boolean huginn, int width, long effectiveDepth) {
    InitValues defaults =
        huginn ? InitValues.huginn(width, effectiveDepth) : InitValues.retrofit(effectiveDepth);
    JsonFields values = json.child("init_values");
    if (values == null) {
      return defaults;
    }
    double std = values.numberOr(defaults.std(), "std");
    return new InitValues(
        std,
        values.numberOr(InitValues.outProj(std, effectiveDepth), "out_proj"),
        values.numberOr(defaults.embedScale(), "embed_scale"));
  }

  private TokenIds recurrentTokens(boolean huginn, int vocabulary) {
    TokenIds tokens =
        new TokenIds(
            json.integerOrNull("bos_token_id"),
            json.integers("eos_token_id"),
            json.integerOrNull("pad_token_id"));
    // Published retrofits carry Huginn's ids, which are ordinary words in their vocabularies.
    return !huginn && tokens.areHuginns() ? TokenIds.ofVocabulary(vocabulary) : tokens;
  }

  private String dtype() {
    return json.has("torch_dtype") || json.has("dtype")
        ? json.text("torch_dtype", "dtype")
        : "float32";
  }

  private @Nullable Origin origin() {
    JsonFields surgery = json.child("surgery");
    return surgery == null
        ? null
        : new Origin(
            surgery.text("source"),
            new Surgery(
                surgery.integers("prelude"), surgery.integers("core"), surgery.integers("coda")),
            surgery.textOrNull("adapter"));
  }

  private void refuse(String key) {
    if (json.boolOr(false, key)) {
      throw json.wrong(key, json.object().path(key), "false: biases are not supported");
    }
  }
}

package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConfigReaderTest {
  private static final String LLAMA =
      """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
       "intermediate_size": 96, "num_hidden_layers": 6, "num_attention_heads": 4,
       "vocab_size": 96, "rms_norm_eps": 1e-05, "max_position_embeddings": 256}
      """;

  private static final String RAVEN =
      """
      {"architectures": ["RavenForCausalLM"], "model_type": "huginn_raven", "n_embd": 64,
       "n_heads": 4, "intermediate_size": 96, "n_layers_in_prelude": 2,
       "n_layers_in_recurrent_block": 4, "n_layers_in_coda": 2, "vocab_size": 96,
       "norm_eps": 1e-6, "rope_base": 50000, "rope_theta": 10000.0, "tie_embeddings": true,
       "mean_recurrence": 32, "mean_backprop_depth": 8, "block_size": 128,
       "max_position_embeddings": 256, "block_class_name": "SandwichBlock"}
      """;

  private static final Set<String> HUGINN = Set.of("transformer.core_block.0.attn.qk_bias");
  private static final Set<String> OLMO = Set.of("transformer.core_block.0.attn.q_norm.weight");

  @TempDir Path folder;

  private ModelConfig read(String json, Set<String> tensors) {
    return ConfigReader.read(Samples.text(folder.resolve("config.json"), json), tensors);
  }

  private BaseConfig base(String json) {
    return (BaseConfig) read(json, Set.of());
  }

  private RecurrentConfig recurrent(String json, Set<String> tensors) {
    return (RecurrentConfig) read(json, tensors);
  }

  /** The same object with another key, or another value for one: the first wins, so in front. */
  private static String with(String json, String key, String value) {
    String without = json.replaceFirst("\"" + key + "\": (\\[[^]]*\\]|[^,}]*),?", "");
    return without.strip().replaceFirst("\\{", "{\"" + key + "\": " + value + ", ");
  }

  private static String without(String json, String key) {
    return json.replaceFirst("\"" + key + "\": (\\[[^]]*\\]|[^,}]*),", "");
  }

  private void assertFault(String json, String... parts) {
    Samples.assertFault(() -> read(json, Set.of()), parts);
    Samples.assertFault(() -> read(json, Set.of()), "config.json: ");
  }

  @Test
  void aLlamaIsRead() {
    assertEquals(
        new BaseConfig(
            new BlockConfig(BlockKind.LLAMA, 64, 4, 4, 16, 96, 1e-5, new Rope(10000, false, null)),
            6,
            96,
            256,
            false,
            TokenIds.NONE,
            "float32"),
        read(LLAMA, Set.of()));
  }

  @Test
  void theFileWinsOverDefaults() {
    String json = with(with(LLAMA, "head_dim", "32"), "num_key_value_heads", "2");
    json = with(with(json, "rope_theta", "500000"), "tie_word_embeddings", "true");
    json = with(with(json, "eos_token_id", "[7, 8]"), "bos_token_id", "1");
    BaseConfig config = base(with(json, "torch_dtype", "\"bfloat16\""));
    assertEquals(32, config.block().headDim());
    assertEquals(128, config.block().queryWidth());
    assertEquals(64, config.block().kvWidth());
    assertEquals(256, config.block().qkvWidth());
    assertEquals(new Rope(500000, false, null), config.block().rope());
    assertEquals(new TokenIds(1, List.of(7, 8), null), config.tokens());
    assertEquals("bfloat16", config.dtype());
    assertEquals(true, config.tied());
  }

  @Test
  void ropeScalingIsLlama3OrNothing() {
    String llama3 =
        "{\"factor\": 32.0, \"low_freq_factor\": 1, \"high_freq_factor\": 4.0,"
            + " \"original_max_position_embeddings\": 8192, \"rope_type\": \"llama3\"}";
    assertEquals(
        new Llama3Scaling(32, 1, 4, 8192),
        base(with(LLAMA, "rope_scaling", llama3)).block().rope().scaling());
    assertNull(
        base(with(LLAMA, "rope_scaling", "{\"type\": \"default\"}")).block().rope().scaling());
    assertNull(base(with(LLAMA, "rope_scaling", "null")).block().rope().scaling());
    assertFault(
        with(LLAMA, "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4}"),
        "key 'rope_scaling'",
        "yarn",
        "expected rope_type llama3 or default");
    assertFault(with(LLAMA, "rope_scaling", "{\"rope_type\": \"llama3\"}"), "'factor' is missing");
    assertFault(with(LLAMA, "rope_scaling", "{}"), "'rope_type' or 'type' is missing");
    assertFault(with(LLAMA, "rope_scaling", "[]"), "key 'rope_scaling' is [], expected an object");
    BaseConfig newer =
        base(with(LLAMA, "rope_parameters", llama3.replace("{", "{\"rope_theta\": 5e5,")));
    assertEquals(new Rope(5e5, false, new Llama3Scaling(32, 1, 4, 8192)), newer.block().rope());
  }

  @Test
  void theTensorsDecideTheBlockOfARecurrentModel() {
    assertEquals(BlockKind.HUGINN, recurrent(RAVEN, HUGINN).block().kind());
    assertEquals(BlockKind.OLMO2, recurrent(RAVEN, OLMO).block().kind());
    assertEquals(BlockKind.LLAMA, recurrent(RAVEN, Set.of()).block().kind());
  }

  @Test
  void huginnReadsRopeBaseAndRetrofitsReadRopeTheta() {
    assertEquals(new Rope(50000, true, null), recurrent(RAVEN, HUGINN).block().rope());
    assertEquals(new Rope(10000, false, null), recurrent(RAVEN, Set.of()).block().rope());
    Samples.assertFault(() -> read(without(RAVEN, "rope_base"), HUGINN), "'rope_base' is missing");
    Samples.assertFault(() -> read(without(RAVEN, "rope_theta"), OLMO), "'rope_theta' is missing");
  }

  @Test
  void huginnReadsBlockSizeAndRetrofitsReadTheirPositions() {
    assertEquals(128, recurrent(RAVEN, HUGINN).maxPositions());
    assertEquals(256, recurrent(RAVEN, Set.of()).maxPositions());
    assertEquals(
        128, recurrent(without(RAVEN, "max_position_embeddings"), Set.of()).maxPositions());
  }

  @Test
  void initialValuesDefaultToThePublishedOnes() {
    RecurrentConfig huginn = recurrent(RAVEN, HUGINN);
    assertEquals(8, huginn.embedScale());
    assertEquals(Math.sqrt(2.0 / 5), huginn.stateStd(), 1e-15);
    RecurrentConfig retrofit = recurrent(RAVEN, OLMO);
    assertEquals(1, retrofit.embedScale());
    assertEquals(0.008703882797784892, retrofit.stateStd());
    String json = with(RAVEN, "init_values", "{\"std\": 0.5, \"embed_scale\": 3.0}");
    assertEquals(1.5, recurrent(json, HUGINN).stateStd());
    assertEquals(0.5 / Math.sqrt(2 * 132), recurrent(json, HUGINN).init().outProj(), 1e-15);
  }

  @Test
  void huginnsTokenIdsAreNotBelievedInRetrofits() {
    String json = with(with(RAVEN, "bos_token_id", "65504"), "eos_token_id", "65505");
    json = with(json, "pad_token_id", "65509");
    assertEquals(TokenIds.HUGINN, recurrent(json, HUGINN).tokens());
    assertEquals(TokenIds.NONE, recurrent(json, Set.of()).tokens());
    assertEquals(TokenIds.HUGINN, recurrent(with(json, "vocab_size", "65536"), OLMO).tokens());
    assertEquals(TokenIds.LLAMA3, recurrent(with(json, "vocab_size", "128256"), OLMO).tokens());
    String own = with(with(RAVEN, "bos_token_id", "1"), "eos_token_id", "2");
    assertEquals(new TokenIds(1, List.of(2), null), recurrent(own, Set.of()).tokens());
  }

  @Test
  void aMissingKeyIsNamed() {
    for (String key :
        List.of(
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "vocab_size",
            "rms_norm_eps")) {
      assertFault(without(LLAMA, key), "key '" + key + "' is missing");
    }
    for (String key :
        List.of(
            "intermediate_size",
            "n_layers_in_prelude",
            "n_layers_in_recurrent_block",
            "n_layers_in_coda",
            "norm_eps",
            "tie_embeddings",
            "mean_recurrence",
            "mean_backprop_depth")) {
      assertFault(without(RAVEN, key), "key '" + key + "' is missing");
    }
    assertFault(without(RAVEN, "n_embd"), "key 'n_embd' or 'hidden_size' is missing");
    assertFault(without(RAVEN, "vocab_size"), "key 'padded_vocab_size' or 'vocab_size'");
  }

  @Test
  void whatNoModelHereDoesIsRefused() {
    assertFault(with(LLAMA, "hidden_act", "\"gelu\""), "'hidden_act' is \"gelu\", expected silu");
    assertFault(with(LLAMA, "attention_bias", "true"), "key 'attention_bias' is true");
    assertFault(with(LLAMA, "mlp_bias", "true"), "key 'mlp_bias' is true");
    assertFault(with(RAVEN, "bias", "true"), "key 'bias' is true");
    assertFault(with(RAVEN, "injection_type", "\"add\""), "'injection_type' is \"add\"", "linear");
    assertFault(with(RAVEN, "state_init", "\"zero\""), "'state_init' is \"zero\"", "like-init");
    assertFault(with(RAVEN, "test_time_noise", "0.1"), "key 'test_time_noise' is 0.1");
    assertFault(
        with(LLAMA, "architectures", "[\"MistralForCausalLM\"]"),
        "key 'architectures' is \"MistralForCausalLM\", expected LlamaForCausalLM");
    assertFault("{}", "name no known model");
    assertFault("{\"see\": \"elsewhere\"}", "name no known model");
  }

  @Test
  void badNumbersAreRefused() {
    assertFault(with(LLAMA, "num_attention_heads", "0"), "0 heads");
    assertFault(with(LLAMA, "num_attention_heads", "5"), "64 is not a multiple of 5 heads");
    assertFault(with(LLAMA, "num_key_value_heads", "3"), "4 heads are not a multiple of 3");
    assertFault(with(LLAMA, "num_key_value_heads", "8"), "number of kv heads is 8");
    assertFault(with(LLAMA, "head_dim", "15"), "head dimension is 15, expected an even number");
    assertFault(with(LLAMA, "hidden_size", "64.0"), "'hidden_size' is 64.0, expected an integer");
    assertFault(with(LLAMA, "hidden_size", "\"64\""), "'hidden_size' is \"64\"");
    assertFault(with(LLAMA, "hidden_size", "99999999999"), "'hidden_size' is 99999999999");
    assertFault(with(LLAMA, "hidden_size", "-64"), "width is -64");
    assertFault(with(LLAMA, "rms_norm_eps", "0"), "eps is 0.0");
    assertFault(with(LLAMA, "rms_norm_eps", "1e999"), "eps is Infinity");
    assertFault(with(LLAMA, "rope_theta", "-1"), "theta");
    assertFault(with(LLAMA, "tie_word_embeddings", "1"), "expected true or false");
    assertFault(with(LLAMA, "num_hidden_layers", "2000000000"), "number of layers is 2000000000");
    assertFault(with(RAVEN, "n_layers_in_coda", "0"), "number of coda blocks is 0");
    assertFault(with(RAVEN, "mean_recurrence", "0"), "mean_recurrence is 0");
    assertFault(
        with(RAVEN, "n_layers_in_recurrent_block", "2000000000"),
        "number of core blocks is 2000000000");
    assertFault(with(RAVEN, "n_layers_in_recurrent_block", "-2"), "number of core blocks is -2");
    Samples.assertFault(
        () -> read(with(RAVEN, "num_key_value_heads", "2"), HUGINN), "a Huginn block has 2 kv");
  }

  @Test
  void damagedFilesAreRefused() {
    assertFault("", "not a JSON object");
    assertFault("[]", "not a JSON object");
    assertFault("{\"a\": 1, \"a\": 2}", "uplicate", "\"a\"");
    assertFault("{\"a\": ", "not valid JSON");
    Samples.assertFault(
        () -> ConfigReader.read(folder.resolve("none.json"), Set.of()), "none.json: no such file");
  }

  @Test
  void surgeryIsReadAndMustMatchTheDepths() {
    String cut = "{\"source\": \"base\", \"prelude\": [0, 1], \"core\": [4, 5, 6, 7], \"coda\": ";
    RecurrentConfig config = recurrent(with(RAVEN, "surgery", cut + "[8, 9]}"), OLMO);
    assertEquals(
        new Origin("base", new Surgery(List.of(0, 1), List.of(4, 5, 6, 7), List.of(8, 9)), null),
        config.origin());
    assertFault(with(RAVEN, "surgery", cut + "[8]}"), "surgery takes", "expected 2, 4 and 2");
    assertFault(with(RAVEN, "surgery", cut + "[7, 8]}"), "layer 7 is in an earlier part");
  }
}

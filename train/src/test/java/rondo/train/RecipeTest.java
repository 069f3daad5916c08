package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rondo.engine.weights.Parameter;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.EllisAdamConfig;
import rondo.optim.ParameterGroup;

class RecipeTest {
  @TempDir Path folder;
  private TinyRun run;

  @BeforeEach
  void write() throws IOException {
    run = new TinyRun(folder);
  }

  private Recipe read(String... overrides) {
    return Recipe.read(run.recipe, List.of(overrides));
  }

  private String error(String... overrides) {
    var e = assertThrows(IllegalArgumentException.class, () -> read(overrides));
    assertEquals(1, String.valueOf(e.getMessage()).lines().count(), String.valueOf(e.getMessage()));
    return String.valueOf(e.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          stepz=3                        | unknown key stepz; the nearest known one is steps
          optimizer.momentumm=0.9        | the nearest known one is optimizer.momentum
          data.sequence_len=4            | the nearest known one is data.sequence_length
          steps=many                     | steps: many: expected a number
          steps=2.5                      | expected a whole number of at least 1
          batch.micro=3                  | batch.micro: 3: expected a divisor of the 4 sequences
          depth.sampler=poisson          | poisson-fill
          depth.sampler=full-curriculum-0 | depth.sampler: full-curriculum-0: expected lognormal
          depth.backprop_curriculum.start=99 | at most depth.backprop
          precision=fp16                 | f32 or bf16
          schedule.warmup.fraction=1.5   | a number from 0 to 1
          optimizer.name=sgd             | expected muon or adamw or ellis-adam
          optimizer.groups=all           | expected none, huginn or a list of mappings
          optimizer.groups=[{lr_factor: 2}] | optimizer.groups[0].parameters is missing: expected a list of one name
          optimizer.groups=[{parameters: [core], lr_factor: 0}] | a positive number
          optimizer={name: ellis-adam, eps: 1e-30} | at least 1e-18
          freeze=[cores]                 | recipe: freeze: cores: expected embedding, prelude,
          freeze=core                    | a list of names
          loss.z=-1                      | a number of at least 0
          data.train=[]                  | at least one {path: …}
          model=                         | model (a folder) or preset (a name), one of them
          clip=-1                        | a number of at least 0
          steps                          | expected key.path=value
          """)
  void wrongRecipesAreOneLine(String override, String expected) {
    var message = error(override);
    assertTrue(message.startsWith("recipe: "), message);
    assertTrue(message.contains(expected), message);
  }

  @Test
  void aWarmupAndDecayLongerThanTheRunAreRefused() {
    var message = error("schedule.warmup={steps: 8}", "schedule.decay={steps: 8}");
    assertTrue(message.contains("at most 4 after the warmup"), message);
  }

  @Test
  void overridesReplaceAddAndRemoveKeys() {
    var recipe = read("steps=40", "optimizer={name: adamw, lr: 0.5}", "seed=");
    assertEquals(40, recipe.steps());
    assertEquals(0.5, ((AdamWConfig) recipe.optimizer()).lr());
    assertEquals(74, recipe.seed(), "the default");
  }

  @Test
  void ellisAdamHasHuginnsDefaults() {
    var recipe = read("optimizer={name: ellis-adam, groups: huginn}");
    assertEquals(
        new EllisAdamConfig(4e-5, 0.9, 0.95, 1e-6, 4e-5, true, true, true), recipe.optimizer());
    var gain = Parameter.gain("transformer.ln_f.weight", 3);
    assertEquals(OptionalDouble.of(0), recipe.updates().groupOf(gain).weightDecay());
    var matrix = Parameter.body("transformer.adapter.weight", 3, 6);
    assertEquals(ParameterGroup.PLAIN, recipe.updates().groupOf(matrix));
  }

  @Test
  void theFirstGroupThatNamesAParameterHasIt() {
    var recipe =
        read(
            "optimizer.throttle=true",
            "optimizer.groups=[{parameters: [transformer.core_block.*.mlp.*, head], lr_factor: 0.1},"
                + " {parameters: [core, norms], lr_factor: 0.5, weight_decay: 0.25}]");
    var updates = recipe.updates();
    var mlp = Parameter.body("transformer.core_block.1.mlp.fc.weight", 4, 3);
    assertEquals(new ParameterGroup(0.1, OptionalDouble.empty(), true), updates.groupOf(mlp));
    var qkv = Parameter.body("transformer.core_block.1.attn.Wqkv.weight", 4, 3);
    assertEquals(new ParameterGroup(0.5, OptionalDouble.of(0.25), true), updates.groupOf(qkv));
    var norm = Parameter.gain("transformer.coda.0.norm_1.weight", 4);
    assertEquals(new ParameterGroup(0.5, OptionalDouble.of(0.25), false), updates.groupOf(norm));
  }

  @Test
  void fractionsOfStepsAreRoundedUp() {
    var recipe = read("steps=30", "schedule.warmup.fraction=0.05", "schedule.decay.fraction=0.5");
    assertEquals(2, recipe.schedule().warmup());
    assertEquals(15, recipe.schedule().decay());
    assertEquals(15, recipe.depth().curriculum().steps());
  }

  @Test
  void aKeyWithoutAValueIsNotThere() {
    assertEquals(1, read("data.train=[{path: a, weight}]").data().train().getFirst().weight());
  }

  @Test
  void aRecipeIsLaidOverTheOneItExtends() throws IOException {
    var child = folder.resolve("child.yaml");
    Files.writeString(
        child, "extends: %s\nsteps: 7\ndata: {shuffle: false}\nseed:\n".formatted(run.recipe));
    var base = read("seed=5");
    var recipe = Recipe.read(child, List.of("batch.sequences=8"));
    assertEquals(7, recipe.steps());
    assertEquals(8, recipe.sequences());
    assertEquals(74, recipe.seed(), "null takes a key away");
    assertEquals(Recipe.Shuffle.NONE, recipe.data().shuffle());
    assertEquals(base.data().train(), recipe.data().train(), "from below");
    assertFalse(recipe.values().containsKey("extends"));
    var same = Files.writeString(folder.resolve("same.yaml"), "extends: recipe.yaml\n");
    assertEquals(read().values(), Recipe.read(same, List.of()).values());
  }

  @Test
  void aRecipeThatExtendsItselfIsRefused() throws IOException {
    var one = Files.writeString(folder.resolve("one.yaml"), "extends: two.yaml\n");
    Files.writeString(folder.resolve("two.yaml"), "extends: one.yaml\n");
    var e = assertThrows(IllegalArgumentException.class, () -> Recipe.read(one, List.of()));
    assertTrue(String.valueOf(e.getMessage()).contains("a circle over one.yaml"), e.getMessage());
    var list = Files.writeString(folder.resolve("list.yaml"), "extends: [a.yaml]\n");
    e = assertThrows(IllegalArgumentException.class, () -> Recipe.read(list, List.of()));
    assertTrue(String.valueOf(e.getMessage()).contains("extends: expected the path"));
  }

  @Test
  void aMissingFileIsNamed() {
    var e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Recipe.read(folder.resolve("none.yaml"), List.of()));
    assertTrue(
        String.valueOf(e.getMessage()).endsWith("none.yaml: no such file"),
        String.valueOf(e.getMessage()));
  }
}

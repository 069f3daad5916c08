package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;
import static rondo.cli.Called.row;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class PlanTest {
  @ParameterizedTest
  @CsvSource({
    "huginn,          395398080, 3163184640, 346030080,          0, 55756800, 3564976800",
    "tinyllama-4-8-4,  44044288,  704708608,  65536000,   65536000,  8388608,  844171264",
    "llama3.2-4-6-4,   60821504,  851501056, 262668288,  262668288,  8388608, 1385228288",
    "llama3.2-2-4-2,   60821504,  486572032, 262668288,  262668288,  8388608, 1020299264",
    "olmo2-4-6-4,      67117056,  939638784, 205520896,  205520896,  8388608, 1359071232",
    "tinyllama,        44044288,  968974336,  65536000,   65536000,        0, 1100048384",
    "llama3.2,         60821504,  973144064, 262668288,          0,        0, 1235814400",
    "olmo2,            67117056, 1073872896, 205520896,  205520896,        0, 1484916736"
  })
  void theParameterCountsArePublished(
      String preset, long block, long blocks, long embedding, long head, long adapter, long total) {
    var counts = rondo("plan", "--model", preset, "--json").json().path("parameters");
    assertEquals(block, counts.path("block").asLong());
    assertEquals(blocks, counts.path("blocks").asLong());
    assertEquals(embedding, counts.path("embedding").asLong());
    assertEquals(head, counts.path("head").asLong());
    assertEquals(adapter, counts.path("adapter").asLong());
    assertEquals(total, counts.path("total").asLong());
    var text = rondo("plan", "--model", preset).works().out();
    assertEquals(List.of("total " + Numbers.count(total)), row(text, "total").subList(0, 1));
  }

  @ParameterizedTest
  @CsvSource({
    "tinyllama-4-8-4, '3.7755e20 5.9751e20 8.4806e20 1.21775e21 3.0481e20 2.5632e20 1.5241e20'",
    "llama3.2-4-6-4,  '4.0480e20 6.1424e20 8.6149e20 1.21988e21 2.9388e20'",
    "olmo2-4-6-4,     '4.4670e20 6.7782e20 9.5066e20 1.34615e21 3.2430e20'",
    "llama3.2-2-4-2,  '7.2858e20'",
    "tinyllama,       '3.0481e20 1.5241e20'"
  })
  void theTrainingFlopsArePublished(String preset, String totals) {
    var text = rondo("plan", "--model", preset).works().out();
    for (var total : totals.split(" ", -1)) {
      assertTrue(text.contains(" " + total), total + " in\n" + text);
    }
  }

  @Test
  void effectiveParametersCountTheCoreOnceARecurrence() {
    var json = rondo("plan", "--model", "llama3.2-4-6-4", "--json").json();
    var effective = json.path("effective_parameters");
    assertEquals(851_501_056L, effective.path("1").asLong());
    assertEquals(851_501_056L + 31 * 364_929_024L, effective.path("32").asLong());
  }

  @Test
  void keepingLessTakesLessMemoryAndMoreWork() {
    var step = rondo("plan", "--model", "huginn", "--json").json().path("step");
    assertEquals(33 - 7.98, step.path("frozen").asDouble(), 0.01); // its draws average one more
    assertEquals(7.98, step.path("tracked").asDouble(), 0.01);
    assertEquals(8, step.path("most_tracked").asInt());
    var state = step.path("keep_state");
    var all = step.path("keep_all");
    assertEquals(4 * 3_564_976_800L, state.path("bytes").path("weights").asLong());
    assertTrue(
        state.path("bytes").path("state").asLong() < all.path("bytes").path("state").asLong());
    assertTrue(state.path("flops").asDouble() > all.path("flops").asDouble());
    // Head, attention and adapter are in the count and not in the formula.
    assertTrue(all.path("flops").asDouble() > step.path("flops_published").asDouble());
    // One moment of body matrices, two of all else.
    long rest = 3_564_976_800L - 3_163_184_640L - 55_756_800L + 8 * (21_120L + 10_560L);
    long moments = 4 * (3_564_976_800L + rest);
    assertEquals(0, (all.path("bytes").path("optimizer").asLong() - moments) / 4096);
  }

  @Test
  void whatIsFrozenHasNeitherGradientsNorMoments(@TempDir Path folder) throws IOException {
    var recipe =
        Files.writeString(
            folder.resolve("r.yaml"),
            """
            preset: huginn
            out: none
            data: {train: [{path: none}], sequence_length: 4096}
            batch: {sequences: 1}
            steps: 9
            freeze: [prelude, coda, embedding]
            optimizer: {name: ellis-adam, groups: huginn}
            """);
    var plan = rondo("plan", "--recipe", recipe);
    assertTrue(plan.out().contains("optimizer (ELLISAdam)"), plan.out());
    var bytes =
        rondo("plan", "--recipe", recipe, "--json")
            .json()
            .path("step")
            .path("keep_all")
            .path("bytes");
    long block = 4 * 5280L * 5280 + 3 * 5280L * 17_920 + 5 * 5280L * 2; // with norms and biases
    long trained = 3_564_976_800L - 65_536L * 5280;
    assertEquals(4 * 3_564_976_800L, bytes.path("weights").asLong());
    long gradients = bytes.path("gradients").asLong();
    assertTrue(gradients < 4 * (trained - 3 * block) && gradients > 4 * (trained - 5 * block));
    long optimizer = bytes.path("optimizer").asLong();
    assertTrue(optimizer >= 2 * gradients && optimizer < 2 * gradients + (1 << 16), "" + optimizer);
  }

  @Test
  void aWholeRunIsPlanned() {
    var json =
        rondo(
                "plan",
                "--model",
                "tinyllama-4-8-4",
                "--steps",
                25_000,
                "--recurrences",
                4,
                "--curriculum",
                "linear",
                "--fraction",
                0.25,
                "--tokens-per-step",
                1 << 20,
                "--flops-per-second",
                1e15,
                "--json")
            .json();
    var run = json.path("run");
    assertEquals("2.5632e20", Numbers.flops(run.path("flops_published").asDouble()));
    double counted = run.path("flops_counted").asDouble();
    assertTrue(counted > run.path("flops_published").asDouble());
    assertEquals(counted / 1e15, run.path("seconds_at_least").asDouble(), 1e-3);
    assertEquals(25_000L << 20, run.path("tokens").asLong());
  }

  @Test
  void aFolderIsPlannedLikeAPreset(@TempDir Path folder) throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var json = rondo("plan", "--model", model, "--json").json();
    assertEquals(2, json.path("model").path("core").asInt());
    assertEquals(TinyModels.POSITIONS, json.path("step").path("sequence_length").asInt());
    assertTrue(json.path("published_runs").isEmpty());
  }

  /** What {@code train F steps=8 …} would do. */
  @Test
  void optionsBesideARecipeAreItsOverrides(@TempDir Path folder) throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var recipe =
        """
        model: %s
        out: %s
        data: {train: [{path: none.jsonl}], sequence_length: 8}
        batch: {sequences: 4, micro: 2}
        steps: 10
        depth: {mean: 4, backprop: 2, curriculum: {curve: linear, steps: 3}}
        """
            .formatted(model, folder.resolve("run"));
    var file = Files.writeString(folder.resolve("a.yaml"), recipe);
    var fraction = recipe.replace("steps: 3", "fraction: 0.26");
    var other = Files.writeString(folder.resolve("b.yaml"), fraction);
    for (int steps : new int[] {7, 10, 25}) {
      var written = folder.resolve(steps + ".yaml");
      Files.writeString(written, fraction.replace("steps: 10", "steps: " + steps));
      assertEquals(run(written), run(other, "--steps", steps));
      assertEquals(run(written), run(file, "--steps", steps, "--fraction", 0.26));
    }
    assertEquals(run(file), run(file, "--recurrences", 4), "its own value changes nothing");
    assertEquals(run(file), run(file, "--tokens-per-step", 32, "--curriculum", "linear"));
    assertEquals(640, run(file, "--tokens-per-step", 64).path("tokens").asInt());
    assertEquals(320, run(file, "--batch", 4).path("tokens").asInt(), "rows of a pass only");
    assertTrue(rondo("plan", "--recipe", file, "--batch", 3).wrong().contains("divisor of the 4"));
    assertTrue(
        rondo("plan", "--recipe", file, "--tokens-per-step", 36)
            .wrong()
            .contains("--tokens-per-step 36: expected a multiple of 8"));
    assertTrue(
        rondo("plan", "--recipe", file, "--curriculum", "none", "--fraction", 0.5)
            .wrong()
            .contains("--curriculum linear or 1-sqrt"));
  }

  private static JsonNode run(Path recipe, Object... options) {
    var words = new ArrayList<Object>(List.of("plan", "--recipe", recipe, "--json"));
    words.addAll(List.of(options));
    return rondo(words.toArray()).json().path("run");
  }

  @Test
  void wrongCallsAreToldInOneLine() {
    assertTrue(rondo("plan").wrong().contains("--model"));
    assertTrue(rondo("plan", "--model", "hugin").wrong().contains("'huginn'"));
    assertTrue(rondo("plan", "--model", "./no/such").wrong().contains("no such folder"));
    assertTrue(rondo("plan", "--model", "huginn", "--batch", 0).wrong().contains("--batch 0"));
    assertTrue(
        rondo("plan", "--model", "huginn", "--sequence-length", 5000).wrong().contains("4096"));
    assertTrue(
        rondo("plan", "--model", "tinyllama", "--recurrences", 4).wrong().contains("fixed depth"));
    assertTrue(
        rondo("plan", "--model", "huginn", "--sampler", "poison").wrong().contains("poisson-fill"));
    assertTrue(
        rondo("plan", "--model", "tinyllama", "--sampler", "full").wrong().contains("fixed depth"));
    assertTrue(rondo("plan", "--model", "huginn", "--fraction", 0.5).wrong().contains("--steps"));
    assertTrue(
        rondo("plan", "--model", "huginn", "--steps", 5, "--curriculum", "cubic")
            .wrong()
            .contains("none, linear or 1-sqrt"));
    assertTrue(
        rondo("plan", "--model", "huginn", "--steps", 5, "--tokens-per-step", 5000)
            .wrong()
            .contains("multiple of 4096"));
    assertTrue(rondo("plan", "--recipe", "none.yaml").wrong().contains("no such file"));
  }

  @Test
  void aPlanTellsTheRowsThatARunWouldTake(@TempDir Path folder) throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var file =
        Files.writeString(
            folder.resolve("auto.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: rows.jsonl}], sequence_length: 8}
            batch: {sequences: 6, micro: auto}
            steps: 10
            depth: {mean: 4, backprop: 2}
            """
                .formatted(model, folder.resolve("run")));
    var json = rondo("plan", "--recipe", file, "--json").json();
    assertEquals(6, json.path("micro_batch").path("rows").asInt(), "by what is free here");
    long all = json.path("micro_batch").path("bytes_planned").asLong();
    var less = rondo("plan", "--recipe", file, "--memory", (all - 1) + " B", "--json").json();
    assertEquals(3, less.path("micro_batch").path("rows").asInt());
    assertEquals(3, less.path("step").path("batch").asInt());
    assertEquals(all - 1, less.path("micro_batch").path("bytes_allowed").asLong());
    var text = rondo("plan", "--recipe", file, "--memory", "1 GiB").works().out();
    assertTrue(text.contains("batch.micro: auto is 6: "), text);
    assertTrue(
        rondo("plan", "--recipe", file, "--memory", "1 KiB").wrong().contains("one row needs"));
    assertTrue(rondo("plan", "--recipe", file, "--memory", "1").wrong().contains("8 GiB"));
    assertTrue(
        rondo("plan", "--recipe", file, "--batch", 2, "--json")
            .json()
            .path("micro_batch")
            .isMissingNode());
  }

  /** The means of spec B.1 (two million draws), and those of schemes with a formula. */
  @ParameterizedTest
  @CsvSource({
    "lognormal-poisson, 4, 1.59, 3.41, 4",
    "lognormal-poisson, 16, 9.26, 7.74, 8",
    "fixed, 32, 24, 8, 8",
    "full, 32, 0, 8.5, 16",
    "gupta, 32, 23.5, 1.0, 25",
    "poisson-unbounded-curriculum-100, 32, 24, 8.5, 16"
  })
  void theDepthsOfAPassAreTheSamplers(
      String sampler, int mean, double frozen, double tracked, int most) {
    var step =
        rondo("plan", "--model", "huginn", "--recurrences", mean, "--sampler", sampler, "--json")
            .json()
            .path("step");
    assertEquals(frozen, step.path("frozen").asDouble(), 0.02);
    assertEquals(tracked, step.path("tracked").asDouble(), 0.05);
    assertEquals(most, step.path("most_tracked").asInt());
    assertEquals(sampler, step.path("sampler").asString());
    var core = step.path("keep_all").path("programs").path(1);
    assertEquals("core", core.path("name").asString());
    assertEquals(step.path("frozen"), core.path("runs"));
  }

  private static Path small(Path folder, String depth, String more) throws IOException {
    var model = TinyModels.recurrent(folder.resolve("model"));
    var data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    return Files.writeString(
        folder.resolve("small.yaml"),
        """
        model: %s
        out: %s
        data: {train: [{path: %s}], sequence_length: 8}
        batch: {sequences: 6, micro: 1}
        steps: 60
        depth: %s
        %s
        """
            .formatted(model, folder.resolve("run"), data, depth, more));
  }

  private static double spent(Path folder) throws IOException {
    var lines = Files.readAllLines(folder.resolve("run").resolve("metrics.jsonl"));
    return Called.parsed(lines.getLast()).path("flops").asDouble();
  }

  /** What a run counted in the end: exactly where no depth is drawn. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{mean: 6, backprop: 3, sampler: fixed, curriculum: {curve: 1-sqrt, steps: 45}}",
        "{mean: 6, backprop: 3, sampler: fixed, keep: state, backprop_curriculum: {curve: linear}}",
        "{mean: 6, backprop: 3, sampler: fixed-curriculum-100}",
        "{mean: 6, backprop: 3, sampler: non-recurrent}"
      })
  void aRunSpendsWhatItsPlanCounts(String depth, @TempDir Path folder) throws IOException {
    var recipe = small(folder, depth, "");
    double counted = run(recipe).path("flops_counted").asDouble();
    rondo("train", recipe).works();
    assertEquals(1, spent(folder) / counted, 1e-12);
  }

  /** 360 draws, whose mean has a standard error of 3 %. */
  @Test
  void aRunOfDrawnDepthsSpendsWhatIsExpected(@TempDir Path folder) throws IOException {
    var recipe = small(folder, "{mean: 6, backprop: 3, curriculum: {curve: linear}}", "");
    double counted = run(recipe).path("flops_counted").asDouble();
    rondo("train", recipe).works();
    assertEquals(1, spent(folder) / counted, 0.1);
    double fixed =
        run(small(folder, "{mean: 6, backprop: 3, sampler: fixed}", ""))
            .path("flops_counted")
            .asDouble();
    assertTrue(counted < fixed, "the rise is in it");
  }

  /** One memory function: the total of the table is what batch.micro: auto goes by. */
  @Test
  void aPlanTellsOneTotal(@TempDir Path folder) throws IOException {
    var depth = "{mean: 6, backprop: 3, sampler: gupta, backprop_curriculum: {curve: linear}}";
    var recipe = small(folder, depth, "ema: {}");
    var held = TinyModels.data(folder.resolve("held.jsonl"), 3, 9);
    Files.writeString(
        recipe,
        Files.readString(recipe)
            .replace("micro: 1", "micro: auto")
            .replace("sequence_length: 8", "sequence_length: 8, validation: {path: " + held + "}"));
    var json = rondo("plan", "--recipe", recipe, "--json").json();
    var bytes = json.path("step").path("keep_all").path("bytes");
    assertEquals(
        json.path("micro_batch").path("bytes_planned").asLong(), bytes.path("total").asLong());
    assertEquals(bytes.path("weights"), bytes.path("average"));
    assertTrue(bytes.path("validation").asLong() > 0);
    // From 2 on: 6 - 2 + 1 may be tracked.
    assertEquals(5, json.path("step").path("most_tracked").asInt());
    long sum = 0;
    for (var name : bytes.propertyNames()) {
      sum += name.equals("total") ? 0 : bytes.path(name).asLong();
    }
    assertEquals(bytes.path("total").asLong(), sum);
    var text = rondo("plan", "--recipe", recipe).works().out();
    for (var row : List.of("averaged weights", "during a validation")) {
      assertEquals(1, row(text, row).size(), text);
    }
    assertTrue(text.contains("with room for 5 tracked recurrences"), text);
    assertTrue(text.contains("means of gupta, by formula or over 65,536 draws"), text);
  }

  @Test
  void aTeacherCountsInMemoryAndWork(@TempDir Path folder) throws IOException {
    var student = TinyModels.recurrent(folder.resolve("student"));
    var teacher = TinyModels.fixed(folder.resolve("teacher"));
    var file =
        Files.writeString(
            folder.resolve("distil.yaml"),
            """
            model: %s
            out: %s
            data: {train: [{path: rows.jsonl}], sequence_length: 8}
            batch: {sequences: 6, micro: auto}
            steps: 10
            depth: {mean: 4, backprop: 2}
            distill: {model: %s}
            """
                .formatted(student, folder.resolve("run"), teacher));
    var json = rondo("plan", "--recipe", file, "--json").json();
    var pass = json.path("step").path("keep_all");
    long parameters =
        rondo("plan", "--model", teacher, "--json")
            .json()
            .path("parameters")
            .path("total")
            .asLong();
    double bytes = pass.path("bytes").path("teacher").asDouble();
    assertEquals(4.0 * parameters, bytes, 0.05 * bytes, "with room for alignment");
    assertEquals(
        json.path("micro_batch").path("bytes_planned").asLong(),
        pass.path("bytes").path("total").asLong());
    var fourth = pass.path("programs").path(3);
    assertEquals("teacher", fourth.path("name").asString());
    assertEquals(1, fourth.path("runs").asInt());
    assertTrue(fourth.path("flops").asLong() > 0);
    var text = rondo("plan", "--recipe", file).works().out();
    assertTrue(text.lines().filter(line -> line.startsWith("teacher")).count() == 2, text);
    var alone = rondo("plan", "--recipe", file, "--json", "--batch", 6).json();
    assertEquals(
        pass.path("bytes").path("total").asLong(),
        alone.path("step").path("keep_all").path("bytes").path("total").asLong());
    Files.writeString(
        file, Files.readString(file).replace("model: " + teacher, "model: " + student));
    assertTrue(rondo("plan", "--recipe", file).wrong().contains("expected a model of fixed depth"));
  }
}

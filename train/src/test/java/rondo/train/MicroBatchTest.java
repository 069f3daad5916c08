package rondo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.device.Device;
import rondo.engine.device.Devices;
import rondo.engine.device.OutOfDeviceMemoryException;
import rondo.nn.Model;
import rondo.nn.Weights;

class MicroBatchTest {
  private static final List<String> AUTO = List.of("batch={sequences: 12, micro: auto}");

  @TempDir Path folder;

  private static Recipe recipe(TinyRun run, String... more) {
    var all = new ArrayList<>(AUTO);
    all.addAll(List.of(more));
    return Recipe.read(run.recipe, all);
  }

  @Test
  void theLargestDivisorThatFitsIsChosen() throws IOException {
    var recipe = recipe(new TinyRun(folder));
    var model = Model.of(Session.config(recipe));
    long before = 0;
    for (int micro : new int[] {1, 2, 3, 4, 6, 12}) {
      long planned = MicroBatch.planned(recipe.withMicro(micro), model);
      assertTrue(planned > before, "grows with the rows");
      before = planned;
      var exact = recipe(new TinyRun(folder), "memory=" + planned + " B");
      assertEquals(
          new MicroBatch.Choice(micro, planned, planned),
          MicroBatch.choose(exact, model, null, () -> 0));
      assertEquals(
          micro, MicroBatch.choose(recipe, model, null, () -> (long) (planned / 0.9) + 2).micro());
    }
    long one = MicroBatch.planned(recipe.withMicro(1), model);
    var small = recipe(new TinyRun(folder), "memory=" + (one - 1) + " B");
    var e =
        assertThrows(
            IllegalArgumentException.class, () -> MicroBatch.choose(small, model, null, () -> 0));
    assertTrue(
        String.valueOf(e.getMessage()).startsWith("recipe: batch.micro: auto: one row needs "),
        String.valueOf(e.getMessage()));
  }

  @Test
  void whatMeasuresAndWhatIsAskedForCountsToo() throws IOException {
    var run = new TinyRun(folder);
    var held = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    var plain = recipe(run).withMicro(4);
    var model = Model.of(Session.config(plain));
    long planned = MicroBatch.planned(plain, model);
    var measured = recipe(run, "data.validation={path: " + held + "}").withMicro(4);
    assertTrue(MicroBatch.planned(measured, model) > planned);
    var state = recipe(run, "depth.keep=state").withMicro(4);
    assertTrue(MicroBatch.planned(state, model) < planned);
  }

  /** All that is allocated on a device, to three digits a region: what it says when it is full. */
  private static double allocated(Device device) {
    var e =
        assertThrows(OutOfDeviceMemoryException.class, () -> device.allocate("probe", 1L << 55));
    var told = String.valueOf(e.getMessage());
    var regions = Pattern.compile("([0-9.]+) (B|[KMG]iB)[,;]");
    double sum = 0;
    for (var found = regions.matcher(told.substring(told.indexOf("here: "))); found.find(); ) {
      int power = "BKMG".indexOf(found.group(2).charAt(0));
      sum += Double.parseDouble(found.group(1)) * Math.pow(1024, power);
    }
    return sum;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "optimizer.name=muon",
        "optimizer={name: adamw}",
        "ema={}",
        "depth.keep=state",
        "distill.model=TEACHER"
      })
  void aRunTakesWhatIsPlanned(String option) throws IOException {
    var run = new TinyRun(folder);
    var teacher = String.valueOf(TinyRun.teacher(folder.resolve("teacher")));
    var given = option.replace("TEACHER", teacher);
    var options = List.of("batch={sequences: 6, micro: 3}", "steps=1", given);
    var recipe = Recipe.read(run.recipe, options);
    long planned = MicroBatch.planned(recipe, Model.of(Session.config(recipe)));
    var taken = new ArrayList<Double>();
    try (var device = Devices.open("auto", 1)) {
      run.run(
          device,
          options,
          new Listener() {
            @Override
            public void note(String line) {}

            @Override
            public void started(long step, long steps) {}

            @Override
            public void step(StepReport report) {
              taken.add(allocated(device));
            }
          });
    }
    assertEquals((double) planned, taken.getFirst(), 0.01 * planned);
  }

  @Test
  void aMeasurementTakesNoMoreThanIsPlanned() throws IOException {
    var run = new TinyRun(folder);
    var held = Files.writeString(folder.resolve("held.jsonl"), TinyRun.rows(3, 9, 23, 6));
    var recipe = recipe(run, "data.validation={path: " + held + "}").withMicro(4);
    var model = Model.of(Session.config(recipe));
    long more =
        MicroBatch.planned(recipe, model) - MicroBatch.planned(recipe(run).withMicro(4), model);
    var rows =
        Objects.requireNonNull(
            Validation.of(recipe, Session.config(recipe), Optional.empty(), Listener.none()));
    var taken = new ArrayList<Double>();
    try (var device = Devices.open("auto", 1);
        var weights = Weights.allocate(model, device)) {
      double before = allocated(device);
      rows.measure(weights, null, device, 0, _ -> taken.add(allocated(device) - before));
    }
    assertTrue(taken.getFirst() > 0 && taken.getFirst() <= more, taken + " of " + more);
  }

  @Test
  void aRunSaysItsChoiceAndKeepsItWithOtherMemory() throws IOException {
    var auto = new TinyRun(folder.resolve("auto"));
    var given = new TinyRun(folder.resolve("given"));
    var recipe = recipe(auto);
    var model = Model.of(Session.config(recipe));
    long three = MicroBatch.planned(recipe.withMicro(3), model);
    var notes = new ArrayList<String>();
    var listener =
        new Listener() {
          @Override
          public void note(String line) {
            notes.add(line);
          }

          @Override
          public void started(long step, long steps) {}

          @Override
          public void step(StepReport report) {
            if (report.step() == 4 && notes.size() == 1) {
              throw new IllegalStateException("killed");
            }
          }
        };
    try (var device = Devices.open("auto", 1)) {
      given.run(device, List.of("batch={sequences: 12, micro: 3}"), Listener.none());
      var first = List.of(AUTO.getFirst(), "memory=" + three + " B");
      assertThrows(IllegalStateException.class, () -> auto.run(device, first, listener));
      assertTrue(notes.getFirst().startsWith("batch.micro: auto is 3: "), notes.toString());
      var second = List.of(AUTO.getFirst(), "memory=64 GiB");
      auto.run(device, second, listener);
      assertEquals("batch.micro: auto is 3, as before", notes.get(1));
    }
    var expected = TinyRun.weights(given.out());
    var weights = TinyRun.weights(auto.out());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), weights.get(i));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"8", "8 GB", "-1 GiB", "GiB", "0 GiB", "many"})
  void aSizeThatIsNoneIsToldInOneLine(String size) throws IOException {
    var run = new TinyRun(folder);
    var e = assertThrows(IllegalArgumentException.class, () -> recipe(run, "memory=" + size));
    assertEquals(
        "recipe: memory: " + size + ": expected a size such as 8 GiB or 500 MiB", e.getMessage());
  }

  @Test
  void sizesAreBinary() throws IOException {
    var run = new TinyRun(folder);
    assertEquals(8L << 30, recipe(run, "memory=8 GiB").memory());
    assertEquals(3L << 19, recipe(run, "memory=1.5MiB").memory());
    assertEquals(0, recipe(run).memory());
  }
}

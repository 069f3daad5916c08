package rondo.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import rondo.data.hub.HubName;
import rondo.nn.Model;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.checkpoint.Published;
import rondo.nn.depth.Distillation;
import rondo.train.MicroBatch;
import rondo.train.Recipe;
import rondo.train.Teacher;

/** Parameters, FLOPs, bytes and time floor of a run, before it starts. */
@Command(
    name = "plan",
    sortOptions = false,
    description = {
      "Tell what a model and a training run cost, before anything runs: parameters, effective"
          + " parameters, published and counted FLOPs, memory per region, and a floor of the time.",
      "",
      "Presets: huginn, tinyllama-4-8-4, llama3.2-4-6-4, llama3.2-2-4-2, olmo2-4-6-4 and the base"
          + " models tinyllama, llama3.2, olmo2. No weights are read, and no device is opened but to"
          + " ask for its memory where a recipe's batch.micro is auto."
    },
    footer = {
      "",
      "Example:",
      "  rondo plan --model llama3.2-4-6-4 --steps 25000 --curriculum linear --fraction 0.25 \\",
      "      --tokens-per-step 1048576 --flops-per-second 4e14"
    })
final class PlanCommand extends Work {
  @Option(
      names = "--model",
      paramLabel = "DIR|PRESET|NAME",
      description = "A folder, a preset's name, " + Models.OR_NAME + ".")
  private @Nullable String model;

  @Option(
      names = "--recipe",
      paramLabel = "F",
      description = "Take model, batch, depth, steps and optimizer from a recipe.")
  private @Nullable Path recipe;

  @Mixin private PlanOptions options = new PlanOptions();

  @Option(
      names = "--flops-per-second",
      paramLabel = "F",
      description = "What the device does; gives the floor of the time.")
  private @Nullable Double flopsPerSecond;

  /** A model under a name, with the preset it is, if any. */
  record Subject(String name, ModelConfig config, @Nullable Published preset) {}

  @Override
  void run(Console console) {
    var written = recipe == null ? null : options.over(recipe);
    var subject = subject(written, console);
    var asked = written == null ? options.described(subject) : written;
    int time = asked.data().sequenceLength();
    if (time > subject.config.maxPositions()) {
      throw new IllegalArgumentException(
          "--sequence-length %d: expected at most the model's %d positions"
              .formatted(time, subject.config.maxPositions()));
    }
    var teacher = Teacher.of(asked, subject.config, folder -> Models.config(folder, console));
    var model = Model.of(subject.config);
    var choice = asked.micro() > 0 ? null : micro(asked, model, teacher, console);
    var from = choice == null ? asked : asked.withMicro(choice.micro());
    var counts = ParameterCounts.of(subject.config);
    var step = StepPlan.of(from, model, teacher);
    var run = written == null && !options.hasSteps() ? null : RunPlan.of(step, counts);
    if (flopsPerSecond != null && !(flopsPerSecond > 0)) {
      throw new IllegalArgumentException(
          "--flops-per-second " + flopsPerSecond + ": expected a positive number");
    }
    var text = PlanText.of(subject, counts, step, run, flopsPerSecond);
    console.text(choice == null ? text : text + "\n\n" + choice);
    var json = PlanJson.of(subject, counts, step, run, flopsPerSecond);
    if (choice != null) {
      json.putObject("micro_batch")
          .put("rows", choice.micro())
          .put("bytes_planned", choice.planned())
          .put("bytes_allowed", choice.budget());
    }
    console.json(json);
  }

  /** The rows of a pass that a run would take now; the device is asked where nobody says. */
  private MicroBatch.Choice micro(
      Recipe written, Model of, @Nullable Distillation teacher, Console console) {
    return MicroBatch.choose(
        written,
        of,
        teacher,
        () -> {
          try (var device = open(console)) {
            return device.freeBytes();
          }
        });
  }

  private Subject subject(@Nullable Recipe from, Console console) {
    String name = model;
    if (name == null && from != null) {
      name = from.model() == null ? from.preset() : String.valueOf(from.model());
    }
    if (name == null) {
      throw new IllegalArgumentException("expected --model DIR, --model PRESET or --recipe F");
    }
    var path = Path.of(name);
    if (Files.exists(path) || name.contains("/") || HubName.of(path).isPresent()) {
      var config = Models.config(path, console);
      return new Subject(name, config, PublishedRuns.presetOf(ParameterCounts.of(config)));
    }
    var known = Published.named(name);
    return new Subject(name, known.config(), known);
  }
}

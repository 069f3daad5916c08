package rondo.cli;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.AtomicFiles;
import rondo.train.study.Study;
import rondo.train.study.StudyJson;
import rondo.train.study.StudyReport;

/** The whole depth study: every arm, every seed. */
@Command(
    name = "study",
    sortOptions = false,
    description = {
      "Run the depth study: tasks of iterated reasoning, several seeds, controls; all are shown.",
      "",
      "Trains tiny models from scratch on problems of few steps and tests them on problems of more,"
          + " at recurrences from 1 to 64. About a quarter of an hour on one core. Its seeds are"
          + " part of it: it takes no --seed."
    },
    footer = {"", "Example:", "  rondo study --threads 1 --out runs/study"})
final class StudyCommand extends Work {
  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "Where study.md and study.json go (default: runs/study).")
  private Path out = Path.of("runs/study");

  @Override
  void run(Console console) {
    if (common.seed != null) {
      throw new IllegalArgumentException(
          "--seed %d: the study has its own seeds, all of which it reports; leave it out"
              .formatted(common.seed));
    }
    Output.makeFolder("--out", out);
    try (var device = open(console)) {
      var arms =
          Study.run(
              device,
              (arm, result) ->
                  console.note(
                      "%s, seed %d: %s"
                          .formatted(
                              arm,
                              result.seed(),
                              Numbers.duration(result.trainSeconds() + result.testSeconds()))));
      report(console, device, out, arms);
    }
  }

  /** Writes and prints what came out. */
  static void report(Console console, Device device, Path out, List<Study.Arm> arms) {
    var text = StudyReport.markdown(arms);
    var json =
        StudyJson.of(
            Map.of("device", device.describe(), "date", LocalDate.now(ZoneOffset.UTC).toString()),
            arms);
    AtomicFiles.write(out.resolve("study.md"), text.getBytes(StandardCharsets.UTF_8));
    AtomicFiles.write(out.resolve("study.json"), json.toString().getBytes(StandardCharsets.UTF_8));
    console.text(text);
    console.json(json);
    console.note("wrote " + out.resolve("study.md") + " and " + out.resolve("study.json"));
  }
}

package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the scripts for GPU nodes do around the program, with a stand-in for it. */
@Timeout(60)
class NodeScriptsTest {
  @TempDir Path folder;

  private Path script(String name, String text) throws IOException {
    var file = Files.writeString(folder.resolve(name), "#!/usr/bin/env bash\n" + text);
    assertTrue(file.toFile().setExecutable(true));
    return file;
  }

  private ProcessBuilder start(String script, String... arguments) {
    var command = new java.util.ArrayList<>(List.of("bash", repository(script)));
    command.addAll(List.of(arguments));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.directory(folder.toFile());
    var environment = builder.environment();
    environment.put("RONDO", folder.resolve("program").toString());
    environment.put("RONDO_PAUSE", "0");
    environment.put("SLURM_SUBMIT_DIR", folder.toString());
    environment.put("SLURM_JOB_ID", "17");
    environment.put("PATH", folder + ":" + environment.get("PATH"));
    builder.redirectOutput(folder.resolve("log").toFile());
    return builder;
  }

  private static String repository(String script) {
    return Path.of("..", "scripts", script).toAbsolutePath().normalize().toString();
  }

  private String log() throws IOException {
    return Files.readString(folder.resolve("log"));
  }

  private void await(String line) throws IOException, InterruptedException {
    while (!log().contains(line)) {
      Thread.sleep(20);
    }
  }

  private static void signal(Process process, String name)
      throws IOException, InterruptedException {
    var kill = new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start();
    assertEquals(0, kill.waitFor());
  }

  @Test
  void slurmsSignalEndsTheStepAndPutsTheJobBack() throws Exception {
    script(
        "program",
        "trap 'echo stopped; exit 0' TERM\necho up: \"$@\"\nwhile :; do sleep 0.05; done\n");
    script("scontrol", "echo \"scontrol $*\"\n");
    var process = start("train-slurm.sh", "recipe.yaml", "steps=3").start();
    await("up: train recipe.yaml steps=3 --device cuda");
    signal(process, "USR1");
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue());
    var log = log();
    assertTrue(log.indexOf("stopped") < log.indexOf("scontrol requeue 17"), log);
    assertTrue(log.contains("scontrol requeue 17"), log);
  }

  @Test
  void aRunThatEndsByItselfIsNotPutBack() throws Exception {
    script("program", "exit 1\n");
    script("scontrol", "echo \"scontrol $*\"\n");
    assertEquals(1, start("train-slurm.sh", "recipe.yaml").start().waitFor());
    assertTrue(!log().contains("scontrol"), log());
  }

  @Test
  void aNodeStartsAgainAsLongAsARunGetsOn() throws Exception {
    script(
        "program",
        """
        [ "$1" = train ] || exit 0
        n=$(cat count 2>/dev/null || echo 0); echo $((n + 1)) >count
        echo "from step $((n * 100)) to 300" >&2
        [ $n = 3 ] || exit 1
        """);
    assertEquals(0, start("train-node.sh", "recipe.yaml").start().waitFor(), log());
    assertEquals("4\n", Files.readString(folder.resolve("count")));
  }

  @Test
  void aNodeGivesUpWhereNothingIsGained() throws Exception {
    script(
        "program",
        "[ \"$1\" = train ] || exit 0\necho x >>count\necho 'from step 100 to 300' >&2\nexit 1\n");
    assertEquals(1, start("train-node.sh", "recipe.yaml").start().waitFor());
    assertEquals(2, Files.readAllLines(folder.resolve("count")).size());
    assertTrue(log().contains("given up"), log());
  }

  @Test
  void aWrongCallIsNotTriedAgain() throws Exception {
    script("program", "[ \"$1\" = train ] || exit 0\necho x >>count\nexit 2\n");
    assertEquals(2, start("train-node.sh", "recipe.yaml").start().waitFor());
    assertEquals(1, Files.readAllLines(folder.resolve("count")).size());
    assertEquals(2, start("train-node.sh").start().waitFor());
  }
}

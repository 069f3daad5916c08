package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** Commands on models that a local hub serves, in processes of their own for their environment. */
class HubModelsTest {
  private static final String COMMIT = "00112233445566778899aabbccddeeff00112233";

  @TempDir Path folder;

  private record Ran(int code, String out, String err) {
    String only(int expected) {
      assertEquals(expected, code, err);
      return err.lines().filter(line -> line.startsWith("rondo: ")).findFirst().orElse("");
    }
  }

  private Ran run(HttpServer hub, Object... args) throws Exception {
    var call = new ArrayList<String>();
    call.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    call.addAll(List.of("-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED", "-cp"));
    call.add(System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    call.add("rondo.cli.Main");
    for (var arg : args) {
      call.add(arg.toString());
    }
    var err = folder.resolve("err");
    var builder = new ProcessBuilder(call).redirectError(err.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("HF_"));
    builder.environment().put("HF_ENDPOINT", "http://localhost:" + hub.getAddress().getPort());
    builder.environment().put("HF_HOME", folder.resolve("home").toString());
    var process = builder.start();
    var out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ran(process.waitFor(), out, Files.readString(err));
  }

  /** A hub with one model, whose small files it names by tags that are no hashes. */
  private static HttpServer serve(Path model) throws IOException {
    var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/api/models/org/base/revision/",
        e -> {
          try (e;
              var files = Files.list(model)) {
            var siblings =
                files
                    .map(f -> "{\"rfilename\": \"" + f.getFileName() + "\"}")
                    .collect(Collectors.joining(","));
            answer(
                e,
                "{\"sha\": \"%s\", \"siblings\": [%s]}"
                    .formatted(COMMIT, siblings)
                    .getBytes(StandardCharsets.UTF_8));
          }
        });
    server.createContext(
        "/org/base/resolve/" + COMMIT + "/",
        e -> {
          try (e) {
            var file = model.resolve(e.getRequestURI().getPath().replaceFirst(".*/", ""));
            e.getResponseHeaders().set("ETag", "\"tag-" + file.getFileName() + "\"");
            if (e.getRequestMethod().equals("HEAD")) {
              e.getResponseHeaders().set("Content-Length", "" + Files.size(file));
              e.sendResponseHeaders(200, -1);
            } else {
              answer(e, Files.readAllBytes(file));
            }
          }
        });
    server.start();
    return server;
  }

  private static void answer(HttpExchange e, byte[] bytes) throws IOException {
    e.sendResponseHeaders(200, bytes.length);
    e.getResponseBody().write(bytes);
  }

  @Test
  void aNameIsTakenWhereAFolderIs() throws Exception {
    var model = TinyModels.fixed(folder.resolve("model"));
    var data = TinyModels.data(folder.resolve("rows.jsonl"), 12, 9);
    var hub = serve(model);
    try {
      var plan = run(hub, "plan", "--model", "org/base", "--json");
      plan.only(0);
      assertEquals(
          rondo("plan", "--model", model, "--json").json().path("parameters"),
          JsonMapper.shared().readTree(plan.out()).path("parameters"));
      var snapshot = folder.resolve("home/hub/models--org--base/snapshots").resolve(COMMIT);
      assertTrue(Files.exists(snapshot.resolve("config.json")));
      assertFalse(Files.exists(snapshot.resolve("model.safetensors")), "no weights are needed");
      var loss = run(hub, "loss", "--model", "hf:org/base", "--data", data, "--json");
      loss.only(0);
      var expected = rondo("loss", "--model", model, "--data", data, "--json").json();
      var found = JsonMapper.shared().readTree(loss.out());
      assertEquals(expected.path("losses"), found.path("losses"));

      var made = folder.resolve("made");
      run(
              hub,
              "retrofit",
              "--model",
              "org/base@v1",
              "--prelude",
              0,
              "--core",
              "1-2",
              "--coda",
              3,
              "--out",
              made)
          .only(0);
      var config = Files.readString(made.resolve("config.json"));
      assertTrue(config.contains("\"source\" : \"org/base\""), config);

      var recipe =
          Files.writeString(
              folder.resolve("recipe.yaml"),
              """
              model: org/base@v1
              out: %s
              data: {train: [{path: %s}], sequence_length: 8}
              batch: {sequences: 4}
              steps: 2
              """
                  .formatted(folder.resolve("run"), data));
      run(hub, "train", recipe).only(0);
      var manifest = Files.readString(folder.resolve("run/step-2/checkpoint.json"));
      assertTrue(manifest.contains("org/base@v1"), "the name, not where its files lie here");

      assertTrue(
          run(hub, "logits", "--model", "org/absent", "--token-ids", 1)
              .only(2)
              .contains("org/absent: no such folder here, and no such model"));
    } finally {
      hub.stop(0);
    }
    // The cache is enough where nobody answers; what it has not is a failure that may pass.
    run(hub, "loss", "--model", "org/base", "--data", data).only(0);
    assertTrue(
        run(hub, "logits", "--model", "org/absent", "--token-ids", 1)
            .only(1)
            .contains("no answer from"));
  }
}

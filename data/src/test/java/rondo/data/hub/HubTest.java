package rondo.data.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubTest {
  private static final HubName NAME = new HubName("org/name", "main");
  private static final String WEIGHTS = "model.safetensors";

  @TempDir Path cache;
  private FakeHub fake;
  private final List<String> notes = new ArrayList<>();
  private final List<String> progress = new ArrayList<>();

  HubTest() throws IOException {
    fake = new FakeHub();
  }

  @BeforeEach
  void anew() {
    notes.clear();
  }

  @AfterEach
  void stop() {
    fake.close();
  }

  private Path get(HubName name, Map<String, String> environment) {
    try (var hub = new Hub(fake.settings(cache, environment))) {
      return hub.folder(
          name, (file, done, total) -> progress.add(file + " " + done + "/" + total), notes::add);
    }
  }

  private Path get() {
    return get(NAME, Map.of());
  }

  private HubException fails(HubName name, Map<String, String> environment) {
    var e = assertThrows(HubException.class, () -> get(name, environment));
    assertEquals(1, String.valueOf(e.getMessage()).lines().count(), e.getMessage());
    return e;
  }

  private String fails() {
    return String.valueOf(fails(NAME, Map.of()).getMessage());
  }

  private static void assertSays(String expected, @Nullable String message) {
    assertTrue(String.valueOf(message).contains(expected), message);
  }

  private void assertWhole(Path folder) throws IOException {
    for (var file : List.of("config.json", "tokenizer.json", WEIGHTS)) {
      assertArrayEquals(fake.bytes(file), Files.readAllBytes(folder.resolve(file)), file);
    }
  }

  private static Set<String> names(Path folder) throws IOException {
    try (var members = Files.list(folder)) {
      var names = new TreeSet<String>();
      members.forEach(m -> names.add(m.getFileName().toString()));
      return names;
    }
  }

  @Test
  void aModelLiesInTheCacheAsTheHubsOwnClientPutsIt() throws IOException {
    var folder = get();
    assertWhole(folder);
    var root = cache.resolve("models--org--name");
    assertEquals(root.resolve("snapshots").resolve(FakeHub.COMMIT), folder);
    assertEquals(Set.of("config.json", "tokenizer.json", WEIGHTS), names(folder));
    assertEquals(FakeHub.COMMIT, Files.readString(root.resolve("refs/main")));
    assertEquals(Set.of("main"), names(root.resolve("refs")));
    for (var file : names(folder)) {
      var link = Files.readSymbolicLink(folder.resolve(file));
      assertEquals("../../blobs/" + fake.hash(file), link.toString());
    }
    assertEquals(3, names(root.resolve("blobs")).size(), "nothing incomplete is left");
    assertEquals(64, fake.hash(WEIGHTS).length());
    long total = names(folder).stream().mapToLong(f -> fake.bytes(f).length).sum();
    assertEquals(WEIGHTS + " " + total + "/" + total, progress.getLast());

    int before = fake.requests.size();
    assertEquals(folder, get());
    assertEquals(before + 1, fake.requests.size(), "only which commit it is");
    get(new HubName("org/name", "v1"), Map.of());
    assertEquals(Set.of("main", "v1"), names(root.resolve("refs")));
    get(new HubName("org/name", FakeHub.COMMIT), Map.of());
    assertEquals(Set.of("main", "v1"), names(root.resolve("refs")));
    assertEquals(before + 3, fake.requests.size());
  }

  @Test
  void theTokenGoesToTheHubAndNowhereElse() throws IOException {
    Files.writeString(cache.resolve("token"), "hf_saved\n");
    get(NAME, Map.of("HF_TOKEN_PATH", cache.resolve("token").toString()));
    assertEquals(Set.of("Bearer hf_saved"), Set.copyOf(fake.hubTokens));
    assertEquals(Set.of("null"), Set.copyOf(fake.storeTokens));
    fake.hubTokens.clear();
    get(NAME, Map.of("HF_TOKEN", "hf_given"));
    assertEquals(Set.of("Bearer hf_given"), Set.copyOf(fake.hubTokens));
    assertFalse(fake.settings(cache, Map.of("HF_TOKEN", "hf_given")).toString().contains("given"));
  }

  @Test
  void aBrokenDownloadGoesOnWhereItEnded() throws IOException {
    var weights = fake.bytes(WEIGHTS);
    fake.trouble =
        (e, file) -> {
          boolean cut = file.equals(WEIGHTS) && isStore(e) && fake.gets(WEIGHTS).size() < 6;
          if (cut) {
            fake.send(e, weights, 50_000);
          }
          return cut;
        };
    assertWhole(get());
    var gets = fake.gets(WEIGHTS);
    assertEquals(6, gets.size(), gets.toString());
    assertTrue(gets.getFirst().endsWith(" null"), gets.toString());
    assertTrue(gets.get(2).endsWith(" bytes=100000-"), gets.toString());
  }

  private static boolean isStore(com.sun.net.httpserver.HttpExchange e) {
    return String.valueOf(e.getRequestHeaders().getFirst("Host")).startsWith("127.");
  }

  @Test
  void whatAKilledProcessLeftIsGoneOnWith() throws IOException {
    var weights = fake.bytes(WEIGHTS);
    var blobs = Files.createDirectories(cache.resolve("models--org--name/blobs"));
    Files.write(blobs.resolve(fake.hash(WEIGHTS) + ".incomplete"), Arrays.copyOf(weights, 123_456));
    assertWhole(get());
    assertEquals(1, fake.gets(WEIGHTS).size());
    assertTrue(fake.gets(WEIGHTS).getFirst().endsWith(" bytes=123456-"));
  }

  @Test
  void aServerThatKnowsNoRangesStartsAgain() throws IOException {
    var weights = fake.bytes(WEIGHTS);
    fake.ranges = false;
    fake.trouble =
        (e, file) -> {
          boolean cut = file.equals(WEIGHTS) && isStore(e) && fake.gets(WEIGHTS).size() < 2;
          if (cut) {
            fake.send(e, weights, 200_000);
          }
          return cut;
        };
    assertWhole(get());
    assertEquals(2, fake.gets(WEIGHTS).size());
  }

  @Test
  void halfAFileIsAFailureAfterSomeTriesAndIsKept() throws IOException {
    var weights = fake.bytes(WEIGHTS);
    fake.trouble =
        (e, file) -> {
          boolean cut = file.equals(WEIGHTS) && isStore(e);
          if (cut) {
            var range = e.getRequestHeaders().getFirst("Range");
            fake.send(e, weights, range == null ? 150_000 : 0);
          }
          return cut;
        };
    assertSays("org/name: model.safetensors at 150000 of 300000 bytes cannot be had", fails());
    assertEquals(3, fake.gets(WEIGHTS).size(), "one that got further, two that did not");
    var root = cache.resolve("models--org--name");
    assertEquals(150_000, Files.size(root.resolve("blobs/" + fake.hash(WEIGHTS) + ".incomplete")));
    assertFalse(Files.exists(root.resolve("refs/main")), "it is not whole");
    // A server that starts again each time must not be asked for ever.
    fake.ranges = false;
    fake.trouble =
        (e, file) -> {
          boolean cut = file.equals(WEIGHTS) && isStore(e);
          if (cut) {
            fake.send(e, weights, 150_000);
          }
          return cut;
        };
    assertSays("3 times in a row", fails());
    fake.trouble = null;
    fake.ranges = true;
    assertWhole(get());
  }

  @Test
  void aConnectionOnWhichNothingMovesIsGivenUp() throws IOException {
    var weights = fake.bytes(WEIGHTS);
    fake.trouble =
        (e, file) -> {
          boolean cut = file.equals(WEIGHTS) && isStore(e) && fake.gets(WEIGHTS).size() < 2;
          if (cut) {
            fake.send(e, weights, 70_000);
            try {
              Thread.sleep(60_000);
            } catch (InterruptedException again) {
              Thread.currentThread().interrupt();
            }
          }
          return cut;
        };
    assertWhole(get());
    assertTrue(fake.gets(WEIGHTS).get(1).endsWith(" bytes=70000-"), fake.gets(WEIGHTS).toString());
  }

  @Test
  void aWrongChecksumRemovesTheFile() throws IOException {
    for (var file : List.of("config.json", WEIGHTS)) {
      var wrong = "f".repeat(file.equals(WEIGHTS) ? 64 : 40);
      fake.wrongHashes.put(file, wrong);
      assertSays(
          "org/name: %s has the checksum %s, expected %s".formatted(file, fake.hash(file), wrong),
          fails());
      assertFalse(names(cache.resolve("models--org--name/blobs")).contains(wrong + ".incomplete"));
      assertFalse(names(cache.resolve("models--org--name/blobs")).contains(wrong));
      fake.wrongHashes.clear();
    }
    assertWhole(get());
  }

  @Test
  void whatTheHubHasNotIsTold() {
    var e = fails(new HubName("org/other", "main"), Map.of());
    assertTrue(e.isRefused());
    assertSays("org/other: no such folder here, and no such model", e.getMessage());
    e = fails(new HubName("org/name", "v9"), Map.of());
    assertTrue(e.isRefused());
    assertSays("org/name: has no revision v9", e.getMessage());
    fake.files.remove(WEIGHTS);
    assertSays("has neither model.safetensors nor", fails());
    fake.files.remove("config.json");
    assertSays("has no config.json", fails());
  }

  @Test
  void closedDoorsNameTheKey() {
    refuse(401, "");
    assertSays("is private or gated: set HF_TOKEN", fails());
    assertSays(
        "the token (HF_TOKEN) is not accepted", fails(NAME, Map.of("HF_TOKEN", "x")).getMessage());
    refuse(403, "GatedRepo");
    var e = fails(NAME, Map.of());
    assertTrue(e.isRefused());
    assertSays(
        "is gated: accept its licence on " + fake.endpoint() + "/org/name and set HF_TOKEN",
        e.getMessage());
    refuse(401, "GatedRepo");
    assertSays("with the account of this token", fails(NAME, Map.of("HF_TOKEN", "x")).getMessage());
    refuse(401, "RepoNotFound");
    assertSays("no such model", fails());
    fake.trouble =
        (exchange, file) -> {
          if (!file.equals(WEIGHTS)) {
            return false;
          }
          FakeHub.answer(exchange, 403, "GatedRepo", new byte[0]);
          return true;
        };
    assertSays("is gated", fails());
  }

  private void refuse(int status, String code) {
    fake.trouble =
        (exchange, file) -> {
          FakeHub.answer(exchange, status, code, new byte[0]);
          return true;
        };
  }

  @Test
  void aBusyHubIsAskedAgain() throws IOException {
    var asked = new AtomicInteger();
    fake.trouble =
        (exchange, file) -> {
          boolean busy = !file.isEmpty() && asked.incrementAndGet() % 3 == 1;
          if (busy) {
            FakeHub.answer(exchange, 503, "", new byte[0]);
          }
          return busy;
        };
    assertWhole(get());
    refuse(503, "");
    assertSays("answers 503; using commit " + FakeHub.COMMIT, noted());
  }

  private String noted() {
    get();
    return notes.getLast();
  }

  @Test
  void withoutANetworkTheCacheServes() throws IOException {
    var folder = get();
    fake.close();
    assertEquals(folder, get());
    assertSays("using commit " + FakeHub.COMMIT + " of the cache", notes.getLast());
    var e = fails(new HubName("org/other", "main"), Map.of());
    assertFalse(e.isRefused(), "the network may come back");
    assertSays("org/other: no such folder here, and no answer from", e.getMessage());
    Files.delete(folder.resolve(WEIGHTS));
    assertSays("no answer from", fails());
  }

  @Test
  void offlineAsksNobody() throws IOException {
    var offline = Map.of("HF_HUB_OFFLINE", "1");
    assertSays("HF_HUB_OFFLINE forbids", fails(NAME, offline).getMessage());
    assertEquals(0, fake.requests.size());
    var folder = get();
    int before = fake.requests.size();
    assertEquals(folder, get(NAME, offline));
    assertEquals(folder, get(new HubName("org/name", FakeHub.COMMIT), offline));
    assertSays("forbids", fails(new HubName("org/name", "v1"), offline).getMessage());
    assertEquals(before, fake.requests.size());
  }

  @Test
  void aDescriptionHasNoWeights() throws IOException {
    try (var hub = new Hub(fake.settings(cache, Map.of()))) {
      var folder = hub.description(NAME, notes::add);
      assertEquals(Set.of("config.json", "tokenizer.json"), names(folder));
    }
    assertEquals(0, fake.gets(WEIGHTS).size());
    assertSays("not whole", fails(NAME, Map.of("HF_HUB_OFFLINE", "1")).getMessage());
    try (var hub = new Hub(fake.settings(cache, Map.of("HF_HUB_OFFLINE", "1")))) {
      assertTrue(Files.exists(hub.description(NAME, notes::add).resolve("config.json")));
    }
    assertWhole(get());
  }

  @Test
  void shardsAreThoseOfTheIndex() throws IOException {
    fake.files.remove(WEIGHTS);
    fake.files.put("model-00001-of-00002.safetensors", new byte[1000]);
    fake.files.put("model-00002-of-00002.safetensors", new byte[2000]);
    fake.files.put("other.safetensors", new byte[2000]);
    fake.files.put(
        "model.safetensors.index.json",
        FakeHub.text(
            """
            {"weight_map": {"a": "model-00001-of-00002.safetensors",
              "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}
            """));
    var folder = get();
    assertEquals(
        Set.of(
            "config.json",
            "tokenizer.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors"),
        names(folder));
    assertEquals(folder, get(NAME, Map.of("HF_HUB_OFFLINE", "1")));
    Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
    assertSays("not whole", fails(NAME, Map.of("HF_HUB_OFFLINE", "1")).getMessage());
    Files.delete(folder.resolve("model.safetensors.index.json"));
    fake.files.put(
        "model.safetensors.index.json",
        FakeHub.text("{\"weight_map\": {\"a\": \"../../evil.safetensors\"}}"));
    assertSays("expected a safetensors file beside it", fails());
  }

  @Test
  void severalThreadsAtOnceFetchOnce() throws Exception {
    var tasks = new ArrayList<Callable<Path>>();
    for (int i = 0; i < 4; i++) {
      tasks.add(() -> {
        try (var hub = new Hub(fake.settings(cache, Map.of()))) {
          return hub.folder(NAME, (file, done, total) -> {}, line -> {});
        }
      });
    }
    try (var threads = Executors.newFixedThreadPool(4)) {
      for (var done : threads.invokeAll(tasks)) {
        assertWhole(done.get());
      }
    }
    assertEquals(1, fake.gets(WEIGHTS).size(), fake.gets(WEIGHTS).toString());
    assertEquals(1, fake.gets("config.json").size());
  }

  /** What a second process runs. */
  static final class Other {
    private Other() {}

    public static void main(String[] args) {
      try (var hub = new Hub(HubSettings.of(System.getenv(), Path.of(args[0])))) {
        System.out.println(hub.folder(NAME, (file, done, total) -> {}, line -> {}));
      }
    }
  }

  @Test
  void severalProcessesAtOnceFetchOnce() throws Exception {
    fake.trouble =
        (e, file) -> {
          if (file.equals(WEIGHTS) && isStore(e)) {
            try {
              Thread.sleep(1500); // long enough for the other to wait for the lock
            } catch (InterruptedException again) {
              Thread.currentThread().interrupt();
            }
          }
          return false;
        };
    var processes = new ArrayList<Process>();
    for (int i = 0; i < 2; i++) {
      var builder =
          new ProcessBuilder(
              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
              "-cp",
              System.getProperty("java.class.path"),
              Other.class.getName(),
              cache.toString());
      builder.environment().put("HF_ENDPOINT", fake.endpoint());
      builder.environment().put("HF_HUB_CACHE", cache.toString());
      builder.environment().remove("HF_HUB_OFFLINE");
      processes.add(builder.redirectError(ProcessBuilder.Redirect.INHERIT).start());
    }
    for (var process : processes) {
      assertEquals(0, process.waitFor());
      var folder =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      assertWhole(Path.of(folder));
    }
    assertEquals(1, fake.gets(WEIGHTS).size(), fake.gets(WEIGHTS).toString());
  }
}

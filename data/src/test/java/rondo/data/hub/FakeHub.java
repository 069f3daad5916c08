package rondo.data.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A hub in this process, and a second server that its large files are redirected to. */
final class FakeHub implements AutoCloseable {
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /** What a server does with a request in place of its answer; true when that was all. */
  interface Trouble {
    boolean happens(HttpExchange exchange, String file) throws IOException;
  }

  final Map<String, byte[]> files = new TreeMap<>();

  /** Every request: method, server, path, range. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  /** The Authorization header of each request to either server, or nothing. */
  final List<String> hubTokens = new CopyOnWriteArrayList<>();

  final List<String> storeTokens = new CopyOnWriteArrayList<>();

  /** Hashes told in place of the true ones. */
  final Map<String, String> wrongHashes = new ConcurrentHashMap<>();

  volatile @Nullable Trouble trouble;
  volatile boolean ranges = true;

  private final HttpServer hub;
  private final HttpServer store;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  FakeHub() throws IOException {
    hub = server();
    store = server();
    hub.createContext("/", e -> serve(e, true));
    store.createContext("/", e -> serve(e, false));
    hub.start();
    store.start();
    files.put("config.json", text("{\"model_type\": \"llama\"}"));
    files.put("tokenizer.json", text("{}"));
    files.put("README.md", text("not wanted"));
    files.put("pytorch_model.bin", text("not wanted"));
    files.put("onnx/model.safetensors", text("not wanted"));
    var weights = new byte[300_000];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (byte) (i * 31 + i / 251);
    }
    files.put("model.safetensors", weights);
  }

  static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private HttpServer server() throws IOException {
    var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    return server;
  }

  String endpoint() {
    return "http://localhost:" + hub.getAddress().getPort();
  }

  HubSettings settings(Path cache, Map<String, String> more) {
    var environment = new TreeMap<>(more);
    environment.putIfAbsent("HF_ENDPOINT", endpoint());
    environment.putIfAbsent("HF_HUB_CACHE", cache.toString());
    var s = HubSettings.of(environment, cache);
    return new HubSettings(
        s.endpoint(),
        s.cache(),
        s.token(),
        s.offline(),
        3,
        Duration.ofMillis(1),
        Duration.ofSeconds(5));
  }

  /** Requests for a file's bytes. */
  List<String> gets(String file) {
    return requests.stream()
        .filter(r -> r.startsWith("GET store") && r.contains("/" + file + " "))
        .collect(Collectors.toList());
  }

  byte[] bytes(String file) {
    return java.util.Objects.requireNonNull(files.get(file), file);
  }

  String hash(String file) {
    var bytes = bytes(file);
    return isLarge(file)
        ? digest("SHA-256", new byte[0], bytes)
        : digest("SHA-1", text("blob " + bytes.length + "\0"), bytes);
  }

  private static boolean isLarge(String file) {
    return file.endsWith(".safetensors");
  }

  private static String digest(String algorithm, byte[] before, byte[] bytes) {
    try {
      var digest = MessageDigest.getInstance(algorithm);
      digest.update(before);
      return HexFormat.of().formatHex(digest.digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private void serve(HttpExchange e, boolean isHub) throws IOException {
    try (e) {
      var path = e.getRequestURI().getPath();
      var range = String.valueOf(e.getRequestHeaders().getFirst("Range"));
      requests.add(
          "%s %s %s %s".formatted(e.getRequestMethod(), isHub ? "hub" : "store", path, range));
      (isHub ? hubTokens : storeTokens)
          .add(String.valueOf(e.getRequestHeaders().getFirst("Authorization")));
      if (path.startsWith("/api/models/org/name/revision/")) {
        if (!happens(e, "")) {
          info(e, path.substring(path.lastIndexOf('/') + 1));
        }
        return;
      }
      var prefix = "/org/name/resolve/" + COMMIT + "/";
      var file = path.startsWith(prefix) ? path.substring(prefix.length()) : "";
      if (!files.containsKey(file)) {
        answer(e, 404, "RepoNotFound", new byte[0]);
      } else if (!happens(e, file)) {
        file(e, file, isHub);
      }
    }
  }

  private boolean happens(HttpExchange e, String file) throws IOException {
    var now = trouble;
    return now != null && now.happens(e, file);
  }

  private void info(HttpExchange e, String revision) throws IOException {
    if (!revision.equals("main") && !revision.equals("v1") && !revision.equals(COMMIT)) {
      answer(e, 404, "RevisionNotFound", new byte[0]);
      return;
    }
    var siblings =
        files.keySet().stream()
            .map(name -> "{\"rfilename\": \"" + name + "\"}")
            .collect(Collectors.joining(","));
    answer(e, 200, "", text("{\"sha\": \"%s\", \"siblings\": [%s]}".formatted(COMMIT, siblings)));
  }

  static void answer(HttpExchange e, int status, String code, byte[] body) throws IOException {
    if (!code.isEmpty()) {
      e.getResponseHeaders().set("X-Error-Code", code);
    }
    e.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    e.getResponseBody().write(body);
  }

  private void file(HttpExchange e, String name, boolean isHub) throws IOException {
    var bytes = bytes(name);
    var tag = "\"" + wrongHashes.getOrDefault(name, hash(name)) + "\"";
    var headers = e.getResponseHeaders();
    boolean head = e.getRequestMethod().equals("HEAD");
    if (isHub && (isLarge(name) || !head)) {
      headers.set("X-Linked-Etag", tag);
      headers.set("X-Linked-Size", "" + bytes.length);
      headers.set(
          "Location",
          "http://127.0.0.1:" + store.getAddress().getPort() + e.getRequestURI().getPath());
      e.sendResponseHeaders(302, -1);
      return;
    }
    headers.set("ETag", head ? "W/" + tag : tag);
    if (head) {
      headers.set("Content-Length", "" + bytes.length);
      e.sendResponseHeaders(200, -1);
      return;
    }
    send(e, bytes, bytes.length);
  }

  /** Sends the range that was asked for, and ends after {@code most} bytes of it. */
  void send(HttpExchange e, byte[] bytes, int most) throws IOException {
    var range = e.getRequestHeaders().getFirst("Range");
    int from = 0;
    if (range != null && ranges) {
      from = Integer.parseInt(range.replaceAll("\\D", ""));
      if (from >= bytes.length) {
        e.sendResponseHeaders(416, -1);
        return;
      }
      e.getResponseHeaders()
          .set("Content-Range", "bytes %d-%d/%d".formatted(from, bytes.length - 1, bytes.length));
    }
    e.sendResponseHeaders(from > 0 ? 206 : 200, bytes.length - from);
    e.getResponseBody().write(bytes, from, Math.min(most, bytes.length - from));
    e.getResponseBody().flush();
  }

  @Override
  public void close() {
    hub.stop(0);
    store.stop(0);
    threads.shutdownNow();
  }
}

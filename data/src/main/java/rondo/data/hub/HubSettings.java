package rondo.data.hub;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where a hub is and what is known of it here, from the environment variables of its own client.
 *
 * @param endpoint {@code HF_ENDPOINT}, or https://huggingface.co
 * @param cache {@code HF_HUB_CACHE}, or {@code hub} in {@code HF_HOME}
 * @param token {@code HF_TOKEN}, or what the client saved; null for none. It goes to the endpoint
 *     and nowhere else
 * @param offline {@code HF_HUB_OFFLINE}: only the cache is used
 * @param tries how often in a row a download may get no further
 * @param pause before the second try; it doubles from one to the next
 * @param patience without a byte, until a connection counts as broken
 */
public record HubSettings(
    URI endpoint,
    Path cache,
    @Nullable String token,
    boolean offline,
    int tries,
    Duration pause,
    Duration patience) {
  private static final Set<String> YES = Set.of("1", "on", "yes", "true");

  /**
   * Reads them.
   *
   * @param home of the user
   * @throws HubException when the endpoint is no address
   */
  public static HubSettings of(Map<String, String> environment, Path home) {
    var all = new Environment(environment);
    var cacheHome = all.path("XDG_CACHE_HOME", home.resolve(".cache"));
    var hubHome = all.path("HF_HOME", cacheHome.resolve("huggingface"));
    return new HubSettings(
        endpoint(all.text("HF_ENDPOINT", "https://huggingface.co")),
        all.path("HF_HUB_CACHE", all.path("HUGGINGFACE_HUB_CACHE", hubHome.resolve("hub"))),
        token(all, all.path("HF_TOKEN_PATH", hubHome.resolve("token"))),
        all.isSet("HF_HUB_OFFLINE") || all.isSet("TRANSFORMERS_OFFLINE"),
        5,
        Duration.ofSeconds(1),
        Duration.ofSeconds(60));
  }

  /** Of this process. */
  public static HubSettings ofProcess() {
    return of(System.getenv(), Path.of(System.getProperty("user.home", ".")));
  }

  private record Environment(Map<String, String> values) {
    String text(String name, String otherwise) {
      var value = values.getOrDefault(name, "").strip();
      return value.isEmpty() ? otherwise : value;
    }

    Path path(String name, Path otherwise) {
      var value = text(name, "");
      return value.isEmpty() ? otherwise : Path.of(value);
    }

    boolean isSet(String name) {
      return YES.contains(text(name, "").toLowerCase(Locale.ROOT));
    }
  }

  private static URI endpoint(String text) {
    var address = text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
    try {
      var uri = URI.create(address);
      if (uri.getHost() != null
          && ("https".equals(uri.getScheme()) || "http".equals(uri.getScheme()))) {
        return uri;
      }
    } catch (IllegalArgumentException _) {
      // The message below is the same for every kind of nonsense.
    }
    throw HubException.refused(
        "HF_ENDPOINT: " + text + ": expected an address such as https://huggingface.co");
  }

  private static @Nullable String token(Environment all, Path file) {
    var given = all.text("HF_TOKEN", all.text("HUGGING_FACE_HUB_TOKEN", ""));
    if (!given.isEmpty()) {
      return given;
    }
    try {
      var saved = Files.isRegularFile(file) ? Files.readString(file).strip() : "";
      return saved.isEmpty() ? null : saved;
    } catch (IOException e) {
      throw HubException.failed(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** Without the token, which belongs into no log. */
  @Override
  public String toString() {
    return endpoint + ", cache " + cache + (token == null ? "" : ", with a token");
  }
}

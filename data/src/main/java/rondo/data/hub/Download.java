package rondo.data.hub;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Files of one commit: got piece by piece, gone on with where they ended, checked, then named. */
final class Download {
  /**
   * A file as the hub describes it.
   *
   * @param hash SHA-256 of its bytes, or git's SHA-1 of a small one: also its name in the cache
   */
  record Remote(String file, String hash, long size) {}

  private static final Pattern HASH = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,199}");

  private final HubHttp http;
  private final HubSettings settings;
  private final HubCache cache;
  private final HubName name;
  private final String commit;

  Download(HubHttp http, HubSettings settings, HubCache cache, HubName name, String commit) {
    this.http = http;
    this.settings = settings;
    this.cache = cache;
    this.name = name;
    this.commit = commit;
  }

  /** Asks for a file's size and hash. */
  Remote describe(String file) {
    var retries = new Retries(settings);
    while (true) {
      try {
        var response = http.send("HEAD", http.file(name, commit, file), 0);
        response.body().close();
        if (response.statusCode() / 100 == 2 || response.statusCode() / 100 == 3) {
          return remote(file, response);
        }
        if (!HubHttp.isPassing(response.statusCode())) {
          throw http.refusal(name, file, response);
        }
        retries.failed("it answers " + response.statusCode(), failure(file, ""));
      } catch (IOException e) {
        retries.failed(http.reason(e), failure(file, ""));
      }
    }
  }

  private Remote remote(String file, HttpResponse<?> response) {
    var headers = response.headers();
    var tag =
        headers
            .firstValue("X-Linked-Etag")
            .or(() -> headers.firstValue("ETag"))
            .map(text -> text.replaceFirst("^W/", "").replace("\"", ""))
            .orElse("");
    long size =
        headers
            .firstValueAsLong("X-Linked-Size")
            .orElse(headers.firstValueAsLong("Content-Length").orElse(-1));
    if (!HASH.matcher(tag).matches() || size < 0) {
      throw HubException.failed(
          "%s: %s tells no hash and size of %s; is HF_ENDPOINT a hub?"
              .formatted(name, settings.endpoint(), file));
    }
    return new Remote(file, tag, size);
  }

  /**
   * Gets a file into the snapshot, where it is not in the cache.
   *
   * @param done told how many bytes of it are there
   */
  void get(Remote remote, LongConsumer done) {
    try (var _ = cache.lock(remote.hash)) {
      if (!Files.exists(cache.blob(remote.hash))) {
        fetch(remote, done);
        verify(remote);
        Files.move(
            cache.incomplete(remote.hash), cache.blob(remote.hash), StandardCopyOption.ATOMIC_MOVE);
      }
      done.accept(remote.size);
      cache.link(commit, remote.file, remote.hash);
    } catch (IOException e) {
      throw HubException.failed(
          "%s: %s cannot be put into the cache %s: %s"
              .formatted(name, remote.file, settings.cache(), text(e)),
          e);
    }
  }

  /** Until all bytes are there; each time it gets further, the tries begin anew. */
  private void fetch(Remote remote, LongConsumer done) throws IOException {
    var file = cache.incomplete(remote.hash);
    var retries = new Retries(settings);
    long most = size(file);
    while (true) {
      if (size(file) > remote.size) {
        Files.delete(file);
      }
      var problem = attempt(remote, file, done);
      long now = size(file);
      if (problem == null && now == remote.size) {
        return;
      }
      if (now > most) {
        most = now;
        retries.reset();
      }
      retries.failed(
          problem == null ? "the connection ended" : problem,
          failure(remote.file, " at %d of %d bytes".formatted(now, remote.size)));
    }
  }

  private String failure(String file, String where) {
    return "%s: %s%s cannot be had from %s".formatted(name, file, where, settings.endpoint());
  }

  private static long size(Path file) throws IOException {
    return Files.exists(file) ? Files.size(file) : 0;
  }

  /** One request; what was wrong with it, or null. */
  private @Nullable String attempt(Remote remote, Path file, LongConsumer done) throws IOException {
    long from = size(file);
    HttpResponse<InputStream> response;
    if (from == remote.size && from > 0) {
      return null; // whole, but for its name
    }
    try {
      response = http.send("GET", http.file(name, commit, remote.file), from);
    } catch (IOException e) {
      return http.reason(e);
    }
    try (var body = response.body()) {
      int status = response.statusCode();
      if (status == 416) {
        Files.deleteIfExists(file);
        return "it has no bytes from " + from + " on";
      }
      if (HubHttp.isPassing(status)) {
        return "it answers " + status;
      }
      if (status != 200 && status != 206) {
        throw http.refusal(name, remote.file, response);
      }
      var range = response.headers().firstValue("Content-Range").orElse("");
      if (status == 206 && !range.startsWith("bytes " + from + "-")) {
        Files.deleteIfExists(file);
        return "it sent other bytes than those from " + from + " on";
      }
      return write(body, file, status == 206 ? from : 0, remote.size, done);
    } catch (UncheckedIOException e) { // of reading; a failure to write is none of the network
      return http.reason(Objects.requireNonNull(e.getCause()));
    }
  }

  private @Nullable String write(
      InputStream body, Path file, long from, long size, LongConsumer done) throws IOException {
    try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var watch = new Stall(body, settings.patience())) {
      channel.truncate(from);
      channel.position(from);
      var piece = new byte[1 << 20];
      long at = from;
      done.accept(at);
      try {
        for (int n = read(body, piece, watch); n >= 0; n = read(body, piece, watch)) {
          if (at + n > size) {
            channel.truncate(0);
            return "it sent more than the %d bytes it told of".formatted(size);
          }
          var bytes = ByteBuffer.wrap(piece, 0, n);
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
          at += n;
          done.accept(at);
        }
      } finally {
        channel.force(true);
      }
    }
    return null;
  }

  private static int read(InputStream body, byte[] piece, Stall watch) {
    try {
      int n = body.read(piece);
      watch.moved();
      return n;
    } catch (IOException e) {
      throw new UncheckedIOException(watch.isStalled() ? watch.failure() : e);
    }
  }

  private void verify(Remote remote) throws IOException {
    var file = cache.incomplete(remote.hash);
    var found = Hashes.like(remote.hash, file);
    if (found != null && !found.equals(remote.hash)) {
      Files.delete(file);
      throw HubException.failed(
          "%s: %s has the checksum %s, expected %s; it was removed: try again"
              .formatted(name, remote.file, found, remote.hash));
    }
  }

  private static String text(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}

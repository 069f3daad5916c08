package rondo.data.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Requests to a hub: redirects by hand, so that the token stays with the endpoint. */
final class HubHttp implements AutoCloseable {
  private static final int MOST_REDIRECTS = 8;
  private static final Duration CONNECT = Duration.ofSeconds(15);

  private final HubSettings settings;
  private final HttpClient client;

  HubHttp(HubSettings settings) {
    this.settings = settings;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(CONNECT)
            .build();
  }

  /** Where the hub tells what a revision is. */
  URI info(HubName name) {
    return URI.create(
        "%s/api/models/%s/revision/%s"
            .formatted(
                settings.endpoint(),
                name.repository(),
                URLEncoder.encode(name.revision(), StandardCharsets.UTF_8)));
  }

  /** Where a file of a commit is. */
  URI file(HubName name, String commit, String file) {
    return URI.create(
        "%s/%s/resolve/%s/%s".formatted(settings.endpoint(), name.repository(), commit, file));
  }

  /**
   * Asks for {@code address}, and for what it leads to.
   *
   * @param method GET or HEAD; a HEAD stops where the hub itself describes the file
   * @param range the first byte wanted; 0 for all
   * @throws IOException when the network fails; an answer of any status is no failure
   */
  HttpResponse<InputStream> send(String method, URI address, long range) throws IOException {
    var at = address;
    for (int i = 0; i < MOST_REDIRECTS; i++) {
      var response = once(method, at, range);
      var location = response.headers().firstValue("Location").orElse(null);
      if (response.statusCode() / 100 != 3 || location == null) {
        return response;
      }
      if (method.equals("HEAD") && response.headers().firstValue("X-Linked-Etag").isPresent()) {
        return response;
      }
      response.body().close();
      at = next(at, location);
    }
    throw new IOException("more than " + MOST_REDIRECTS + " redirects from " + address);
  }

  private static URI next(URI at, String location) throws IOException {
    URI to;
    try {
      to = at.resolve(location);
    } catch (IllegalArgumentException e) {
      throw new IOException("a redirect to what is no address", e);
    }
    boolean secure = "https".equals(to.getScheme());
    boolean allowed = secure || ("http".equals(to.getScheme()) && !"https".equals(at.getScheme()));
    if (!allowed || to.getHost() == null) {
      throw new IOException("a redirect from " + at.getHost() + " to an address without https");
    }
    return to;
  }

  private HttpResponse<InputStream> once(String method, URI address, long range)
      throws IOException {
    var request =
        HttpRequest.newBuilder(address)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(settings.patience())
            .header("User-Agent", "rondo")
            .header("Accept-Encoding", "identity");
    if (settings.token() != null && isEndpoint(address)) {
      request.header("Authorization", "Bearer " + settings.token());
    }
    if (range > 0) {
      request.header("Range", "bytes=" + range + "-");
    }
    try {
      return client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } catch (IllegalArgumentException e) { // such as a token with a line break
      throw new IOException("the request cannot be made: " + e.getMessage(), e);
    }
  }

  private boolean isEndpoint(URI address) {
    var endpoint = settings.endpoint();
    return Objects.equals(address.getScheme(), endpoint.getScheme())
        && Objects.equals(address.getHost(), endpoint.getHost())
        && address.getPort() == endpoint.getPort();
  }

  /**
   * What a status other than 2xx means.
   *
   * @param file null for the repository as a whole
   */
  HubException refusal(HubName name, @Nullable String file, HttpResponse<?> response) {
    int status = response.statusCode();
    var code = response.headers().firstValue("X-Error-Code").orElse("");
    var page = settings.endpoint() + "/" + name.repository();
    boolean known = settings.token() != null;
    if (code.equals("RevisionNotFound")) {
      return HubException.refused(
          name.repository()
              + ": has no revision "
              + name.revision()
              + "; see "
              + page
              + "/commits");
    }
    if (code.equals("GatedRepo") || (status == 403 && !code.equals("RepoNotFound"))) {
      return HubException.refused(
          name
              + ": is gated: accept its licence on "
              + page
              + (known ? ", with the account of this token" : " and set HF_TOKEN"));
    }
    if (status == 404 && file != null) {
      return HubException.refused(name + ": has no file " + file);
    }
    if (status == 404 || code.equals("RepoNotFound")) {
      return HubException.refused(
          name
              + ": no such folder here, and no such model or revision on "
              + settings.endpoint()
              + (known ? " for this token" : "; for a private one set HF_TOKEN"));
    }
    if (status == 401) {
      return HubException.refused(
          name
              + (known
                  ? ": the token (HF_TOKEN) is not accepted by " + settings.endpoint()
                  : ": is private or gated: set HF_TOKEN, and accept its licence on " + page));
    }
    return HubException.failed(
        name + ": " + settings.endpoint() + " answers " + status + "; try again later");
  }

  /** Whether the hub may answer otherwise in a moment. */
  static boolean isPassing(int status) {
    return status == 408 || status == 429 || status >= 500;
  }

  /** What a network failure says. */
  String reason(IOException e) {
    var host = settings.endpoint().getHost();
    return switch (e) {
      case UnknownHostException _ -> host + " is unknown here";
      case ConnectException _ -> host + " cannot be reached";
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  @Override
  public void close() {
    client.shutdownNow();
    client.close();
  }
}

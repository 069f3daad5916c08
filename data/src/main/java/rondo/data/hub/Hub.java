package rondo.data.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import rondo.data.tokenizer.Tokenizers;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * A Hugging Face hub: models by name, as folders of its client's cache. Only what a model needs is
 * fetched: configuration, tokenizer and safetensors.
 */
public final class Hub implements AutoCloseable {
  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final int LONGEST_ANSWER = 32_000_000;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HubSettings settings;
  private final HubHttp http;

  /** What is told while files come. */
  @FunctionalInterface
  public interface Progress {
    /**
     * More bytes are there.
     *
     * @param file that they belong to
     * @param done bytes of all files so far
     * @param total bytes of all files
     */
    void update(String file, long done, long total);
  }

  public Hub(HubSettings settings) {
    this.settings = settings;
    http = new HubHttp(settings);
  }

  /** A revision as the hub knows it: its commit, and the files in it. */
  private record Revision(String commit, Set<String> files) {}

  /**
   * The folder of a model, in the cache; what is not there yet is fetched.
   *
   * @param notes remarks, a line each
   * @throws HubException in one line, when it cannot be had
   */
  public Path folder(HubName name, Progress progress, Consumer<String> notes) {
    return folder(name, true, progress, notes);
  }

  /**
   * As {@link #folder}, without weights: the configuration, the tokenizer, and the index of the
   * weights where there is one.
   */
  public Path description(HubName name, Consumer<String> notes) {
    return folder(name, false, (file, done, total) -> {}, notes);
  }

  private Path folder(HubName name, boolean weights, Progress progress, Consumer<String> notes) {
    var cache = new HubCache(settings.cache(), name.repository());
    try {
      if (settings.offline()) {
        var cached = cached(cache, name, weights);
        if (cached == null) {
          throw HubException.refused(
              "%s: not whole in the cache %s, and HF_HUB_OFFLINE forbids to ask for it"
                  .formatted(name, settings.cache()));
        }
        return cached;
      }
      Revision revision;
      try {
        revision = revision(name);
      } catch (IOException e) {
        var cached = cached(cache, name, weights);
        if (cached == null) {
          throw HubException.failed(
              "%s: no such folder here, and no answer from %s: %s"
                  .formatted(name, settings.endpoint(), http.reason(e)),
              e);
        }
        notes.accept(
            "%s: %s; using commit %s of the cache"
                .formatted(name, http.reason(e), cached.getFileName()));
        return cached;
      }
      fetch(cache, name, revision, weights, progress);
      cache.remember(name, revision.commit);
      return cache.snapshot(revision.commit);
    } catch (IOException e) {
      throw HubException.failed(
          "%s: the cache %s cannot be used: %s".formatted(name, settings.cache(), e.getMessage()),
          e);
    }
  }

  /** The folder as far as it is known here, when it is whole. */
  private static @Nullable Path cached(HubCache cache, HubName name, boolean weights)
      throws IOException {
    var folder = cache.commit(name).map(cache::snapshot);
    if (folder.isEmpty() || !Files.exists(folder.get().resolve(CONFIG))) {
      return null;
    }
    if (!weights || Files.exists(folder.get().resolve(WEIGHTS))) {
      return folder.get();
    }
    var index = folder.get().resolve(INDEX);
    if (!Files.exists(index)) {
      return null;
    }
    for (var shard : shards(name, index)) {
      if (!Files.exists(folder.get().resolve(shard))) {
        return null;
      }
    }
    return folder.get();
  }

  /** Asks the hub; passing troubles of its own count as the network's. */
  private Revision revision(HubName name) throws IOException {
    try (var body = ask(name)) {
      var answer = JSON.readTree(body.readNBytes(LONGEST_ANSWER));
      var commit = answer.path("sha").asString("");
      var files = new TreeSet<String>();
      for (JsonNode sibling : answer.path("siblings")) {
        files.add(sibling.path("rfilename").asString(""));
      }
      if (!HubName.isCommit(commit)) {
        throw HubException.failed(
            "%s: %s names no commit; is HF_ENDPOINT a hub?".formatted(name, settings.endpoint()));
      }
      return new Revision(commit, files);
    } catch (JacksonException e) {
      throw HubException.failed(
          "%s: %s answers no JSON; is HF_ENDPOINT a hub?".formatted(name, settings.endpoint()), e);
    }
  }

  private java.io.InputStream ask(HubName name) throws IOException {
    var response = http.send("GET", http.info(name), 0);
    if (response.statusCode() == 200) {
      return response.body();
    }
    response.body().close();
    if (HubHttp.isPassing(response.statusCode())) {
      throw new IOException(settings.endpoint() + " answers " + response.statusCode());
    }
    throw http.refusal(name, null, response);
  }

  private void fetch(
      HubCache cache, HubName name, Revision revision, boolean weights, Progress progress)
      throws IOException {
    var download = new Download(http, settings, cache, name, revision.commit);
    var folder = cache.snapshot(revision.commit);
    var wanted = new LinkedHashSet<String>();
    wanted.add(CONFIG);
    wanted.addAll(Tokenizers.FILES);
    wanted.retainAll(revision.files);
    if (!wanted.contains(CONFIG)) {
      throw HubException.refused(name + ": has no " + CONFIG + ": not a model of transformers");
    }
    if (revision.files.contains(WEIGHTS)) {
      if (weights) {
        wanted.add(WEIGHTS);
      }
    } else if (revision.files.contains(INDEX)) {
      if (!Files.exists(folder.resolve(INDEX))) {
        download.get(download.describe(INDEX), bytes -> {});
      }
      var shards = shards(name, folder.resolve(INDEX));
      for (var shard : shards) {
        if (!revision.files.contains(shard)) {
          throw HubException.refused(name + ": has no file " + shard + ", which its index names");
        }
      }
      if (weights) {
        wanted.addAll(shards);
      }
    } else {
      throw HubException.refused(
          name + ": has neither " + WEIGHTS + " nor " + INDEX + "; take a revision that has");
    }
    wanted.removeIf(file -> Files.exists(folder.resolve(file)));
    var remotes = new ArrayList<Download.Remote>();
    for (var file : wanted) {
      remotes.add(download.describe(file));
    }
    long total = remotes.stream().mapToLong(Download.Remote::size).sum();
    long before = 0;
    for (var remote : remotes) {
      long start = before;
      download.get(remote, bytes -> progress.update(remote.file(), start + bytes, total));
      before += remote.size();
    }
  }

  /** The files with weights that an index names. */
  private static List<String> shards(HubName name, Path index) throws IOException {
    var shards = new TreeSet<String>();
    try {
      for (var shard : JSON.readTree(Files.readAllBytes(index)).path("weight_map")) {
        shards.add(shard.asString(""));
      }
    } catch (JacksonException e) {
      throw HubException.failed(name + ": " + INDEX + " is not JSON", e);
    }
    for (var shard : shards) {
      if (!shard.matches("[A-Za-z0-9_][A-Za-z0-9._-]{0,199}\\.safetensors")) {
        throw HubException.refused(
            name + ": its index names '" + shard + "', expected a safetensors file beside it");
      }
    }
    return List.copyOf(shards);
  }

  @Override
  public void close() {
    http.close();
  }
}

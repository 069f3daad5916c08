package rondo.data.hub;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of a model on a hub.
 *
 * @param repository {@code org/name}
 * @param revision a branch, tag or commit; {@code main} where none is given
 */
public record HubName(String repository, String revision) {
  private static final String PREFIX = "hf:";
  private static final Pattern PART = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,95}");
  private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}");
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  public HubName {
    var parts = repository.split("/", -1);
    if (parts.length > 2 || !java.util.Arrays.stream(parts).allMatch(HubName::isPart)) {
      throw new IllegalArgumentException(
          repository + ": not the name of a model; expected org/name or org/name@revision");
    }
    if (!REVISION.matcher(revision).matches()
        || revision.contains("..")
        || revision.contains("//")
        || revision.endsWith("/")) {
      throw new IllegalArgumentException(
          repository + "@" + revision + ": not a revision; expected a branch, tag or commit");
    }
  }

  private static boolean isPart(String part) {
    return PART.matcher(part).matches() && !part.contains("..") && !part.contains("--");
  }

  /**
   * The model of a hub that {@code given} names: {@code hf:org/name[@revision]} always, {@code
   * org/name[@revision]} where nothing here has that path and no folder here is called {@code org}.
   *
   * @return empty for what is a path
   * @throws IllegalArgumentException when a name after {@code hf:} is none
   */
  public static Optional<HubName> of(Path given) {
    var text = given.toString();
    if (text.startsWith(PREFIX)) {
      return Optional.of(parse(text.substring(PREFIX.length())));
    }
    if (given.isAbsolute() || Files.exists(given)) {
      return Optional.empty();
    }
    int at = text.indexOf('@');
    var parts = (at < 0 ? text : text.substring(0, at)).split("/", -1);
    if (parts.length != 2
        || !isPart(parts[0])
        || !isPart(parts[1])
        || Files.exists(Path.of(parts[0]))) {
      return Optional.empty();
    }
    return Optional.of(parse(text));
  }

  private static HubName parse(String text) {
    int at = text.indexOf('@');
    return at < 0
        ? new HubName(text, "main")
        : new HubName(text.substring(0, at), text.substring(at + 1));
  }

  /** Whether the revision names one state of the repository for ever. */
  boolean isPinned() {
    return isCommit(revision);
  }

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  @Override
  public String toString() {
    return revision.equals("main") ? repository : repository + "@" + revision;
  }
}

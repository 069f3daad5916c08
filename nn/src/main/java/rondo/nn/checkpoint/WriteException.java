package rondo.nn.checkpoint;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Path;

/**
 * A file that cannot be written, mostly for a full disk: the work failed although what was asked
 * for was right.
 */
public final class WriteException extends CheckpointException {
  @Serial private static final long serialVersionUID = 1L;

  public WriteException(Path where, String problem, Throwable cause) {
    super(where, problem, cause);
  }

  public WriteException(Path where, IOException cause) {
    this(where, "cannot be written: " + reason(cause), cause);
  }
}

package rondo.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.jspecify.annotations.Nullable;

/**
 * The rows of an Arrow IPC file or stream, which is what Hugging Face's {@code datasets} keeps. The
 * file is mapped and read a record batch at a time; arrow-format reads what describes them. A file
 * is a stream behind eight bytes, so its footer is not needed.
 */
final class ArrowReader implements DocumentReader {
  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final Optional<String> textColumn;
  private final Arena arena = Arena.ofShared(); // batches may be read by another thread
  private final MemorySegment bytes;
  private final Schema schema;
  private long position;
  private Map<String, ArrowVector> columns = Map.of();
  private long rows; // of the batch
  private long taken; // of them
  private long row; // of the file

  ArrowReader(Path file, Optional<String> textColumn) {
    this.file = file;
    this.textColumn = textColumn;
    try (FileChannel channel = FileChannel.open(file)) {
      bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      boolean isFile =
          bytes.byteSize() >= 8
              && bytes.asSlice(0, MAGIC.length).mismatch(MemorySegment.ofArray(MAGIC)) < 0;
      position = isFile ? 8 : 0;
      Message first = message();
      if (first == null
          || first.headerType() != MessageHeader.Schema
          || !(first.header(new Schema()) instanceof Schema found)) {
        throw broken("it does not begin with a schema");
      }
      schema = found;
      if (schema.endianness() != Endianness.Little) {
        throw broken("its numbers are big-endian");
      }
    } catch (IOException e) {
      arena.close();
      throw FileSource.unreadable(file, e);
    } catch (DataException e) {
      arena.close();
      throw e;
    } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
      arena.close();
      throw broken(e);
    }
  }

  /** What the next message says, null behind the last one; then its body is at the position. */
  private @Nullable Message message() {
    if (position == bytes.byteSize()) {
      return null;
    }
    int length = bytes.get(INT, position);
    position += Integer.BYTES;
    if (length == -1) { // since format 0.15
      length = bytes.get(INT, position);
      position += Integer.BYTES;
    }
    if (length == 0) {
      return null;
    }
    MemorySegment metadata = bytes.asSlice(position, length);
    position += length;
    return Message.getRootAsMessage(metadata.asByteBuffer());
  }

  @Override
  public @Nullable Document next() {
    try {
      while (taken == rows) {
        if (!nextBatch()) {
          return null;
        }
      }
      long i = taken++;
      row++;
      return document(i, new Document.Location(file, "row", row));
    } catch (IndexOutOfBoundsException | IllegalArgumentException | ArithmeticException e) {
      throw broken(e);
    }
  }

  private boolean nextBatch() {
    Message message = message();
    if (message == null) {
      return false;
    }
    MemorySegment body = bytes.asSlice(position, message.bodyLength());
    position += body.byteSize();
    if (message.headerType() != MessageHeader.RecordBatch) {
      return true; // values of dictionaries
    }
    if (!(message.header(new RecordBatch()) instanceof RecordBatch batch)) {
      throw new IndexOutOfBoundsException("a batch without what describes it");
    }
    if (batch.compression() != null) {
      throw broken("its buffers are compressed: write it again without, or as Parquet");
    }
    columns = ArrowBatch.columns(schema, batch, body);
    rows = batch.length();
    taken = 0;
    if (rows < 0) {
      throw new IndexOutOfBoundsException("a batch of " + rows + " rows");
    }
    return true;
  }

  private Document document(long i, Document.Location where) {
    String name =
        textColumn.orElseGet(
            () -> Columns.KNOWN.stream().filter(columns::containsKey).findFirst().orElse(""));
    ArrowVector column = columns.get(name);
    if (column == null) {
      String present = String.join(", ", columns.keySet());
      throw new DataException(Columns.missing(file.toString(), textColumn, present));
    }
    boolean tokens = textColumn.isEmpty() && name.equals(Columns.TOKENS);
    if (tokens
        && column instanceof ArrowVector.Lists lists
        && lists.items() instanceof ArrowVector.Numbers) {
      return tokens(lists, i, where);
    }
    if (!tokens && column instanceof ArrowVector.Texts texts) {
      return new Document.Text(text(texts, i, where, "the text"), where);
    }
    if (!tokens
        && column instanceof ArrowVector.Lists lists
        && lists.items() instanceof ArrowVector.Structs messages) {
      return new Document.Conversation(messages(lists, messages, i, where), where);
    }
    throw new DataException(
        "%s: column \"%s\": expected %s"
            .formatted(
                file,
                name,
                tokens
                    ? "a list of ids"
                    : "text, or a list of messages with role and content (no views, no dictionaries)"));
  }

  private Document.Tokens tokens(ArrowVector.Lists lists, long i, Document.Location where) {
    if (!lists.isThere(i)) {
      throw new DataException(where + ": input_ids is NULL, expected a list of ids");
    }
    long[] values = numbers(lists, i);
    int[] ids = new int[values.length];
    for (int k = 0; k < ids.length; k++) {
      if (values[k] < 0 || values[k] > Integer.MAX_VALUE) {
        throw new DataException(
            "%s: input_ids[%d] is %s, expected a whole number from 0 to %d"
                .formatted(
                    where, k, values[k] == Long.MIN_VALUE ? "NULL" : values[k], Integer.MAX_VALUE));
      }
      ids[k] = (int) values[k];
    }
    if (columns.get(Columns.LABELS) instanceof ArrowVector.Lists labels
        && labels.items() instanceof ArrowVector.Numbers
        && labels.isThere(i)) {
      long[] found = numbers(labels, i);
      int[] marked = new int[found.length];
      for (int k = 0; k < marked.length; k++) {
        marked[k] = Math.clamp(found[k], Integer.MIN_VALUE, Integer.MAX_VALUE);
      }
      return Document.Tokens.of(ids, marked, where);
    }
    return new Document.Tokens(ids, where);
  }

  /** The numbers of list {@code i}; one that is not there is the least of all. */
  private static long[] numbers(ArrowVector.Lists lists, long i) {
    long from = lists.offsets().at(i);
    ArrowVector.Numbers items = (ArrowVector.Numbers) lists.items();
    // Asked for first: a count that lies beyond the file allocates nothing.
    int count = lists.offsets().count(i);
    if (count > 0) {
      items.at(from + count - 1);
    }
    long[] values = new long[count];
    for (int k = 0; k < count; k++) {
      values[k] = items.isThere(from + k) ? items.at(from + k) : Long.MIN_VALUE;
    }
    return values;
  }

  private static String text(
      ArrowVector.Texts texts, long i, Document.Location where, String what) {
    if (!texts.isThere(i)) {
      throw new DataException(where + ": " + what + " is NULL, expected a string");
    }
    try {
      return texts.at(i);
    } catch (CharacterCodingException e) {
      throw new DataException(where + ": " + what + " is not UTF-8", e);
    }
  }

  private static List<Document.Message> messages(
      ArrowVector.Lists lists, ArrowVector.Structs items, long i, Document.Location where) {
    List<Document.Message> messages = new ArrayList<>();
    if (!lists.isThere(i)) {
      return messages;
    }
    long from = lists.offsets().at(i);
    int count = lists.offsets().count(i);
    for (int k = 0; k < count; k++) {
      messages.add(
          new Document.Message(
              said(items, "role", from + k, k, where), said(items, "content", from + k, k, where)));
    }
    return messages;
  }

  private static String said(
      ArrowVector.Structs items, String name, long at, int message, Document.Location where) {
    int field = items.names().indexOf(name);
    if (field < 0
        || !(items.fields().get(field) instanceof ArrowVector.Texts texts)
        || !items.isThere(at)
        || !texts.isThere(at)) {
      throw new DataException(
          "%s: message %d has no role or no content that is a string"
              .formatted(where, message + 1));
    }
    return text(texts, at, where, "message %d".formatted(message + 1));
  }

  @Override
  public long bytesRead() {
    return position;
  }

  private DataException broken(RuntimeException cause) {
    return new DataException(
        file + ": not a readable Arrow file: it is cut off or broken near byte " + position, cause);
  }

  private DataException broken(String what) {
    return new DataException(file + ": not a readable Arrow file: " + what);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}

package rondo.data.rows;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import rondo.data.DataException;
import rondo.data.Document;
import rondo.data.DocumentReader;

/**
 * The ids of documents in their order, made by several threads that work a bounded number of
 * documents ahead: what comes out does not depend on how many there are. For one caller.
 */
final class ParallelIds implements AutoCloseable {
  private static final int CHUNK_CHARACTERS = 1 << 16;
  private static final int CHUNK_DOCUMENTS = 256;

  private final DocumentReader documents;
  private final Packing packing;
  private final DocumentIds ids;
  private final ExecutorService workers;
  private final int ahead;
  private final Deque<Future<List<Encoded>>> running = new ArrayDeque<>();
  private List<Encoded> done = List.of();
  private int taken;
  private boolean ended;

  /** Takes {@code documents} over. */
  ParallelIds(DocumentReader documents, Packing packing, int threads) {
    this.documents = documents;
    this.packing = packing;
    ids = packing.ids();
    // Enough in flight that no thread waits while one has a long document.
    ahead = 4 * threads;
    workers =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("tokenizer-", 0).factory());
  }

  /**
   * The ids of the next document, or null after the last one.
   *
   * @throws DataException if a document is broken, in the order of documents
   */
  @Nullable Encoded next() {
    while (taken == done.size()) {
      while (!ended && running.size() < ahead) {
        submit();
      }
      Future<List<Encoded>> first = running.poll();
      if (first == null) {
        return null;
      }
      done = await(first);
      taken = 0;
    }
    return done.get(taken++);
  }

  private void submit() {
    List<Document> chunk = new ArrayList<>();
    int size = 0;
    while (size < CHUNK_CHARACTERS && chunk.size() < CHUNK_DOCUMENTS) {
      Document document = documents.next();
      if (document == null) {
        ended = true;
        break;
      }
      chunk.add(document);
      size +=
          switch (document) {
            case Document.Text text -> text.text().length();
            case Document.Tokens tokens -> tokens.ids().length;
            case Document.Conversation conversation ->
                conversation.messages().stream().mapToInt(m -> m.content().length()).sum();
          };
    }
    if (!chunk.isEmpty()) {
      running.add(workers.submit(() -> encode(chunk)));
    }
  }

  private List<Encoded> encode(List<Document> chunk) {
    List<Encoded> encoded = new ArrayList<>(chunk.size());
    for (Document document : chunk) {
      encoded.add(
          switch (document) {
            case Document.Text text -> Encoded.piece(ids.of(text));
            case Document.Tokens tokens when tokens.isMasked() ->
                Encoded.row(packing.packed(tokens), false);
            case Document.Tokens tokens -> Encoded.piece(ids.of(tokens));
            case Document.Conversation conversation ->
                packing.chat(conversation).row(conversation, ids, packing.rowLength());
          });
    }
    return encoded;
  }

  private static List<Encoded> await(Future<List<Encoded>> chunk) {
    try {
      return chunk.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DataException("interrupted while documents were tokenised", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException failure -> throw failure;
        case Error error -> throw error;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }

  @Override
  public void close() {
    workers.shutdownNow();
    documents.close();
  }
}

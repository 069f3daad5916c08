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
  private final DocumentIds ids;
  private final ExecutorService workers;
  private final int ahead;
  private final Deque<Future<List<int[]>>> running = new ArrayDeque<>();
  private List<int[]> done = List.of();
  private int taken;
  private boolean ended;

  /** Takes {@code documents} over. */
  ParallelIds(DocumentReader documents, DocumentIds ids, int threads) {
    this.documents = documents;
    this.ids = ids;
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
  int @Nullable [] next() {
    while (taken == done.size()) {
      while (!ended && running.size() < ahead) {
        submit();
      }
      Future<List<int[]>> first = running.poll();
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
            case Document.Conversation _ -> 0;
          };
    }
    if (!chunk.isEmpty()) {
      running.add(workers.submit(() -> encode(chunk)));
    }
  }

  private List<int[]> encode(List<Document> chunk) {
    List<int[]> encoded = new ArrayList<>(chunk.size());
    for (Document document : chunk) {
      encoded.add(
          switch (document) {
            case Document.Text text -> ids.of(text);
            case Document.Tokens tokens -> ids.of(tokens);
            case Document.Conversation conversation ->
                throw new DataException(
                    conversation.where()
                        + ": a conversation, expected text: train on it as it is, with data.chat in a recipe");
          });
    }
    return encoded;
  }

  private static List<int[]> await(Future<List<int[]>> chunk) {
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

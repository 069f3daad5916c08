package rondo.nn.checkpoint;

/** The hyper-parameters of a model: what {@code config.json} says, checked. */
public sealed interface ModelConfig permits BaseConfig, RecurrentConfig {
  /** The shape of every block. */
  BlockConfig block();

  /** Rows of the embedding and of the head, padding included. */
  int vocabulary();

  /** Positions that the model knows. */
  int maxPositions();

  /** Whether the head is the embedding. */
  boolean tied();

  /** Factor of the embeddings after look-up; 1 where there is none. */
  double embedScale();

  TokenIds tokens();

  /** {@code torch_dtype}: what Python libraries load the weights as, such as {@code float32}. */
  String dtype();

  /** The same model stored in another type. */
  ModelConfig withDtype(String dtype);
}

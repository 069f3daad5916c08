package rondo.nn.checkpoint;

/** The transformer blocks of the published models. */
public enum BlockKind {
  /** Four norms, two of them after the residual additions; bias on queries and keys. */
  HUGINN,
  /** Two norms, each before its sub-layer. */
  LLAMA,
  /** Two norms, each after its sub-layer, and norms over all queries and all keys. */
  OLMO2
}

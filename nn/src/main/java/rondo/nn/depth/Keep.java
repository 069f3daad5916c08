package rondo.nn.depth;

/**
 * What a tracked recurrence keeps for its backward pass; the gradients are the same bits either
 * way.
 */
public enum Keep {
  /** Only the state that entered: everything else is computed again. */
  STATE,
  /** Every value that the backward pass reads. */
  ALL
}

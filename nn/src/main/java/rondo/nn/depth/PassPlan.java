package rondo.nn.depth;

/** What a forward and backward pass over one micro-batch needs, before anything is allocated. */
public sealed interface PassPlan permits DepthPlan, FixedPlan {
  /** Bytes of what outlives one program: batch, states, kept values. */
  long stateBytes();

  /** Bytes of the largest program's temporaries. */
  long workspaceBytes();
}

package rondo.engine.plain;

/**
 * Every operation of {@code rondo.h} as plain loops over host memory: the written specification,
 * and the fallback where no native library fits the platform. Values are stored as the header says
 * and computed in double. One thread; an instance owns its scratch, so it must not be shared
 * between threads. Arguments that the header refuses raise {@link IllegalArgumentException}.
 */
public final class PlainFunctions
    implements PlainElementwise,
        PlainMatmul,
        PlainEmbedding,
        PlainNorms,
        PlainHeads,
        PlainAttention,
        PlainLoss,
        PlainOptimizers {
  private final Rows rows = new Rows();

  @Override
  public Rows rows() {
    return rows;
  }
}

package rondo.nn.checkpoint;

/**
 * Standard deviations of a recurrent model's initialisation, all of normals cut at three of them.
 *
 * @param std of weights, and of the initial state before {@code embedScale}
 * @param outProj of the two output projections of a block
 * @param embedScale factor of the embeddings and of the initial state
 */
public record InitValues(double std, double outProj, double embedScale) {
  /** What retrofits of every width kept from Huginn's: sqrt(2 / (5 · 5280)). */
  public static final double PUBLISHED_STD = 0.008703882797784892;

  public InitValues {
    Check.positive("std of init_values", std);
    Check.positive("out_proj of init_values", outProj);
    Check.positive("embed_scale", embedScale);
  }

  /** Huginn's rule for a width and an expected number of executed layers. */
  public static InitValues huginn(int width, long effectiveDepth) {
    double std = Math.sqrt(2.0 / (5.0 * width));
    return new InitValues(std, outProj(std, effectiveDepth), Math.sqrt(width));
  }

  /** What retrofits use: no embedding scale and Huginn's std. */
  public static InitValues retrofit(long effectiveDepth) {
    return new InitValues(PUBLISHED_STD, outProj(PUBLISHED_STD, effectiveDepth), 1);
  }

  static double outProj(double std, long effectiveDepth) {
    return std / Math.sqrt(2.0 * effectiveDepth);
  }
}

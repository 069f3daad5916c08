package rondo.optim;

import rondo.engine.graph.DType;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.NormalizeMatrices;
import rondo.engine.graph.Tensor;

/**
 * Quintic Newton-Schulz iteration towards the nearest semi-orthogonal matrix, for a stack of
 * same-shape matrices: A = XXᵀ, B = bA + cA², X ← aX + BX with (a, b, c) = (3.4445, -4.775, 2.0315)
 * from X/‖X‖ (Muon, Jordan et al. 2024). Tall matrices use XᵀX from the right, which is the same
 * iteration on the transpose. A and B are symmetric, so a device may compute half of them.
 */
public final class NewtonSchulz {
  private static final float A = 3.4445f;
  private static final float B = -4.7750f;
  private static final float C = 2.0315f;
  private static final float EPS = 1e-7f;

  private NewtonSchulz() {}

  /**
   * Traces the iteration.
   *
   * @param x stack [n, rows, columns], f32
   * @return the same shape in {@code precision}
   */
  public static Tensor trace(Graph graph, Tensor x, int steps, DType precision) {
    boolean tall = x.shape().dim(1) > x.shape().dim(2);
    var y = graph.add(new NormalizeMatrices(x, EPS, precision));
    for (int i = 0; i < steps; i++) {
      var gram = graph.add(new MatMul(y, tall, y, !tall, true, 1, null, 0, true));
      var poly = graph.add(new MatMul(gram, false, gram, false, true, C, gram, B, true));
      y =
          tall
              ? graph.add(new MatMul(y, false, poly, false, true, 1, y, A, false))
              : graph.add(new MatMul(poly, false, y, false, true, 1, y, A, false));
    }
    return y;
  }
}

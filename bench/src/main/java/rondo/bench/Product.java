package rondo.bench;

import java.util.ArrayList;
import java.util.List;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;

/**
 * One f32 product of matrices: op(a) [m, k] times op(b) [k, n].
 *
 * @param transposeA a is stored [k, m]
 * @param transposeB b is stored [n, k]
 */
public record Product(String name, int m, int n, int k, boolean transposeA, boolean transposeB) {
  /** Squares, plain and with b transposed as in a linear layer. */
  public static List<Product> squares() {
    var all = new ArrayList<Product>();
    for (int n : new int[] {256, 512, 768, 1024, 1536, 2048}) {
      all.add(new Product("square", n, n, n, false, false));
    }
    all.add(new Product("square", 1024, 1024, 1024, false, true));
    all.add(new Product("square", 1024, 1024, 1024, true, false));
    return List.copyOf(all);
  }

  /** The linear layers of a model over all rows of a batch: forward and both gradients. */
  public static List<Product> of(StepConfig step) {
    var block = step.model().block();
    int rows = step.batch() * step.time();
    int width = block.width();
    var all = new ArrayList<Product>();
    layer(all, "qkv", rows, width, block.qkvWidth());
    layer(all, "attention proj", rows, block.queryWidth(), width);
    layer(all, "mlp fc", rows, width, 2 * block.hidden());
    layer(all, "mlp proj", rows, block.hidden(), width);
    layer(all, "head", rows, width, step.model().vocabulary());
    return List.copyOf(all);
  }

  private static void layer(List<Product> all, String name, int rows, int in, int out) {
    all.add(new Product(name, rows, out, in, false, true));
    all.add(new Product(name + " ∂x", rows, in, out, false, false));
    all.add(new Product(name + " ∂w", out, in, rows, true, false));
  }

  public double flops() {
    return 2.0 * m * n * k;
  }

  TensorType aType() {
    return transposeA ? TensorType.f32(k, m) : TensorType.f32(m, k);
  }

  TensorType bType() {
    return transposeB ? TensorType.f32(n, k) : TensorType.f32(k, n);
  }

  Tensor trace(Graph graph, Tensor a, Tensor b) {
    return graph.add(new MatMul(a, transposeA, b, transposeB, false, 1, null, 0, false));
  }

  /** Such as "qkv 4096 × 256 × 128 NT": m, n, k and which operands are stored transposed. */
  @Override
  public String toString() {
    return "%s %d × %d × %d %s%s"
        .formatted(name, m, n, k, transposeA ? "T" : "N", transposeB ? "T" : "N");
  }
}

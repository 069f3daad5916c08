package rondo.engine.graph;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code alpha·op(a)·op(b) + beta·c} of type {@code out}, where op transposes when asked; f32
 * accumulation. Not batched, leading extents of {@code a} are rows. Batched, {@code a} and {@code
 * b} are stacks of matrices. {@code symmetric} promises a symmetric result, of which a device may
 * compute half. As operands of the gradient, {@code a} is an activation and {@code b} a weight,
 * whose gradient is f32 whatever its type.
 */
public record MatMul(
    Tensor a,
    boolean transposeA,
    Tensor b,
    boolean transposeB,
    boolean batched,
    float alpha,
    @Nullable Tensor c,
    float beta,
    boolean symmetric,
    DType out)
    implements Op {

  public MatMul {
    Check.floats("matmul", a, b);
    Check.that(out.isFloat(), "matmul: %s · %s as %s: only f32 and bf16", a, b, out);
    int rank = batched ? 3 : 2;
    Check.that(
        batched
            ? a.shape().rank() == 3 && b.shape().rank() == 3
            : a.shape().rank() >= 2 && b.shape().rank() >= 2,
        "matmul: %s · %s must have rank %d",
        a,
        b,
        rank);
    Check.that(
        !batched || a.shape().dim(0) == b.shape().dim(0), "matmul: %s · %s: batches differ", a, b);
    Check.that(
        inner(a, transposeA, batched) == outer(b, transposeB, batched),
        "matmul: %s%s · %s%s: inner extents differ",
        a,
        transposeA ? "ᵀ" : "",
        b,
        transposeB ? "ᵀ" : "");
    if (c != null) {
      var type = result(a, transposeA, b, transposeB, batched, out);
      Check.that(c.type().equals(type), "matmul: addend %s must be %s", c, type);
    }
  }

  /** Of the type of {@code a}. */
  public MatMul(
      Tensor a,
      boolean transposeA,
      Tensor b,
      boolean transposeB,
      boolean batched,
      float alpha,
      @Nullable Tensor c,
      float beta,
      boolean symmetric) {
    this(a, transposeA, b, transposeB, batched, alpha, c, beta, symmetric, a.dtype());
  }

  /** {@code a · b}, each transposed where asked. */
  private static MatMul product(
      Tensor a, boolean transposeA, Tensor b, boolean transposeB, DType out) {
    return new MatMul(a, transposeA, b, transposeB, false, 1, null, 0, false, out);
  }

  /** {@code x · wᵀ} for a weight [out, in]: the linear layer, of the type of {@code x}. */
  public static MatMul linear(Tensor x, Tensor weight) {
    return linear(x, weight, x.dtype());
  }

  /** {@code x · wᵀ} of type {@code out}. */
  public static MatMul linear(Tensor x, Tensor weight, DType out) {
    return product(x, false, weight, true, out);
  }

  /** {@code x · wᵀ + c}, of the type of {@code c}. */
  public static MatMul linear(Tensor x, Tensor weight, Tensor c) {
    return new MatMul(x, false, weight, true, false, 1, c, 1, false, c.dtype());
  }

  private static int extent(Tensor t, boolean last, boolean batched) {
    return last ? t.shape().last() : batched ? t.shape().dim(1) : Math.toIntExact(t.shape().rows());
  }

  private static int outer(Tensor t, boolean transposed, boolean batched) {
    return extent(t, transposed, batched);
  }

  private static int inner(Tensor t, boolean transposed, boolean batched) {
    return extent(t, !transposed, batched);
  }

  private static TensorType result(
      Tensor a, boolean transposeA, Tensor b, boolean transposeB, boolean batched, DType out) {
    int n = inner(b, transposeB, batched);
    if (!transposeA) {
      return a.type().withLast(n).as(out);
    }
    var dims = new ArrayList<Integer>();
    if (batched) {
      dims.add(a.shape().dim(0));
    }
    dims.add(a.shape().last());
    dims.add(n);
    return new TensorType(out, new Shape(dims));
  }

  public int batch() {
    return batched ? a.shape().dim(0) : 1;
  }

  public int m() {
    return outer(a, transposeA, batched);
  }

  public int k() {
    return inner(a, transposeA, batched);
  }

  public int n() {
    return inner(b, transposeB, batched);
  }

  @Override
  public List<Tensor> inputs() {
    return c == null ? List.of(a, b) : List.of(a, b, c);
  }

  @Override
  public List<TensorType> outputs() {
    return List.of(result(a, transposeA, b, transposeB, batched, out));
  }

  @Override
  public void differentiate(Gradients g, List<Tensor> outputs) {
    Check.that(
        !batched && !transposeA && alpha == 1 && (c == null || beta == 1),
        "matmul: only a·b, a·bᵀ and a·bᵀ + c have gradients, not %s",
        this);
    var dy = g.of(outputs.getFirst());
    g.add(a, () -> g.graph().add(product(dy, false, b, !transposeB, a.dtype())));
    g.add(
        b,
        () ->
            g.graph()
                .add(
                    transposeB
                        ? product(dy, true, a, false, DType.F32)
                        : product(a, true, dy, false, DType.F32)));
    if (c != null) {
      g.add(c, () -> dy);
    }
  }

  @Override
  public long flops() {
    long all = 2L * batch() * m() * n() * k();
    return symmetric ? all / 2 : all;
  }

  @Override
  public boolean accumulates(int output) {
    return c == null;
  }

  @Override
  public boolean mayOverwrite(int output, Tensor input) {
    return input == c && input != a && input != b;
  }
}

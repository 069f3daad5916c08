package rondo.bench.gpu;

import rondo.bench.gpu.Lab.Subject;
import rondo.engine.graph.DType;
import rondo.nn.depth.LossChunk;

/**
 * The loss with both of its gradients, by the engine's chunks of logits and by larger ones, and
 * beside a teacher of the same width.
 */
final class Losses {
  private static final int LARGE = 2048;

  private Losses() {}

  static void measure(Collector lab, Preset p, int rows, DType type) {
    int chunk = LossChunk.rows(rows, p.model().vocabulary(), type);
    measure(lab, p, rows, type, chunk, "");
    int large = Math.min(rows, LARGE);
    if (large > chunk) {
      measure(lab, p, rows, type, large, ", chunks of " + large);
    }
    distilled(lab, p, rows, type, chunk);
  }

  private static void distilled(Collector lab, Preset p, int rows, DType type, int chunk) {
    int width = p.block().width();
    int vocabulary = p.model().vocabulary();
    var subject = "distillation %d x %d, vocabulary %d".formatted(rows, width, vocabulary);
    lab.operation(
        Subject.flops(
            "kernels", p.name(), subject, type.toString(), 8.0 * rows * width * vocabulary),
        (double) vocabulary * width * (2 * type.bytes() + 4),
        o -> {
          var x = o.normal(type, (long) rows * width);
          var head = o.normal(type, 0.02, (long) vocabulary * width);
          var teacher = o.normal(type, (long) rows * width);
          var teacherHead = o.normal(type, 0.02, (long) vocabulary * width);
          var targets = o.below(vocabulary, rows);
          var scratch = o.zeros(DType.F32, 2L * chunk * vocabulary);
          var loss = o.zeros(DType.F32, 3);
          var dx = o.zeros(type, (long) rows * width);
          var dhead = o.zeros(DType.F32, (long) vocabulary * width);
          return () ->
              lab.library()
                  .linearDistillation(
                      type.code(),
                      x,
                      head,
                      teacher,
                      teacherHead,
                      targets,
                      rows,
                      width,
                      width,
                      vocabulary,
                      chunk,
                      1,
                      0,
                      2,
                      0.5f,
                      scratch,
                      loss,
                      dx,
                      1,
                      dhead);
        });
  }

  private static void measure(
      Collector lab, Preset p, int rows, DType type, int chunk, String variant) {
    int width = p.block().width();
    int vocabulary = p.model().vocabulary();
    var subject =
        "loss and gradients %d x %d, vocabulary %d%s".formatted(rows, width, vocabulary, variant);
    double flops = 6.0 * rows * width * vocabulary;
    double bytes = (double) vocabulary * width * (type.bytes() + 4);
    lab.operation(
        Subject.flops("kernels", p.name(), subject, type.toString(), flops),
        bytes,
        o -> {
          var x = o.normal(type, (long) rows * width);
          var head = o.normal(type, 0.02, (long) vocabulary * width);
          var targets = o.below(vocabulary, rows);
          var scratch = o.zeros(DType.F32, (long) chunk * vocabulary);
          var loss = o.zeros(DType.F32, 2);
          var dx = o.zeros(type, (long) rows * width);
          var dhead = o.zeros(DType.F32, (long) vocabulary * width);
          return () ->
              lab.library()
                  .linearCrossEntropy(
                      type.code(),
                      x,
                      head,
                      targets,
                      rows,
                      width,
                      vocabulary,
                      chunk,
                      1,
                      0,
                      scratch,
                      loss,
                      dx,
                      1,
                      dhead);
        });
  }
}

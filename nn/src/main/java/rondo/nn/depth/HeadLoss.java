package rondo.nn.depth;

import java.util.List;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.LinearCrossEntropy;
import rondo.engine.graph.LinearDistillation;
import rondo.engine.graph.Tensor;
import rondo.nn.Trace;

/**
 * The end of a training step's forward pass.
 *
 * @param loss [mean cross-entropy, counted tokens], and the mean divergence beside a teacher
 * @param teacher the teacher's features and head, to be given; empty without one
 */
record HeadLoss(Tensor loss, List<Tensor> teacher) {
  /** Traces the loss of features through a head. */
  static HeadLoss of(
      Trace t,
      Objective objective,
      @Nullable TeacherPlan teacher,
      Tensor features,
      Tensor head,
      Tensor targets) {
    int chunk =
        LossChunk.rows(features.shape().rows(), head.shape().dim(0), features.type().dtype());
    var own =
        new LinearCrossEntropy(features, head, targets, chunk, objective.scale(), objective.z());
    if (teacher == null) {
      return new HeadLoss(t.graph().add(own), List.of());
    }
    var theirs = t.input("teacher's features", teacher.features.type());
    var theirHead = t.input("teacher's head", teacher.head.type());
    var mix = teacher.distillation;
    var mixed = new LinearDistillation(own, theirs, theirHead, mix.temperature(), mix.weight());
    return new HeadLoss(t.graph().add(mixed), List.of(theirs, theirHead));
  }
}

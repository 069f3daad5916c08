package rondo.optim;

import rondo.engine.graph.DType;
import rondo.engine.weights.Parameter;

/** Which optimiser, with its hyper-parameters; learning rates are peaks that a schedule scales. */
public sealed interface OptimizerConfig {
  /** Peak learning rate; with Muon that of the body matrices. */
  double lr();

  /** What updates a parameter: this, or what Muon leaves it to. */
  default OptimizerConfig of(Parameter p) {
    return this instanceof MuonConfig muon && p.group() != Parameter.Group.BODY
        ? muon.rest()
        : this;
  }

  /** AdamW (arXiv 1711.05101) with weight decay lr·weightDecay. */
  record AdamWConfig(double lr, double beta1, double beta2, double eps, double weightDecay)
      implements OptimizerConfig {}

  /**
   * ELLISAdam (Huginn's training code, arXiv 2502.05171; "AdamW*" of arXiv 2511.07384): AdamW with
   * weight decay (lr/peak)·weightDecay and three changes.
   *
   * @param updateClipping a tensor's step shrinks by its root mean of g²/v where that exceeds 1,
   *     and v is at least eps²
   * @param atan2 the step is atan2(m, √v) and needs no eps
   * @param runningInit moments begin at the first gradient, not at 0
   */
  record EllisAdamConfig(
      double lr,
      double beta1,
      double beta2,
      double eps,
      double weightDecay,
      boolean updateClipping,
      boolean atan2,
      boolean runningInit)
      implements OptimizerConfig {}

  /**
   * Muon on body matrices, AdamW on everything else.
   *
   * @param steps Newton-Schulz iterations
   * @param precision of the Newton-Schulz iterates: bf16 as published, or f32
   */
  record MuonConfig(
      double lr, double weightDecay, double momentum, int steps, DType precision, AdamWConfig rest)
      implements OptimizerConfig {}
}

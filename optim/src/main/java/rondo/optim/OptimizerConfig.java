package rondo.optim;

import rondo.engine.graph.DType;

/** Which optimiser, with its hyper-parameters; learning rates are peaks that a schedule scales. */
public sealed interface OptimizerConfig {
  /** AdamW (arXiv 1711.05101) with weight decay lr·weightDecay. */
  record AdamWConfig(double lr, double beta1, double beta2, double eps, double weightDecay)
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

package rondo.nn.depth;

import rondo.engine.device.Buffer;

/** One micro-batch forward and backward: adds to the gradients and leaves the loss. */
public sealed interface TrainingStep permits DepthStep, FixedStep {
  /** i32 [batch, time], to be written before {@link #run}. */
  Buffer tokens();

  /** i32 [batch, time], already shifted; -100 does not count. */
  Buffer targets();

  /**
   * Runs one micro-batch.
   *
   * @param depth recurrences; a fixed-depth model ignores it
   * @param noiseKey of the initial state; not used when that is zero
   */
  void run(Depth depth, long noiseKey);

  /** Mean loss of the last run over its counted tokens. */
  float loss();

  /**
   * Mean KL(teacher ‖ student) of the last run, in nats at the teacher's temperature; 0 without.
   */
  float divergence();

  /** Counted tokens of the last run. */
  long tokensCounted();

  /** Floating-point operations of a run, recomputation included. */
  long flops(Depth depth);
}

package rondo.train.study;

import java.util.List;
import rondo.engine.graph.DType;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.InitValues;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.Rope;
import rondo.nn.checkpoint.TokenIds;
import rondo.nn.depth.DepthSampler;
import rondo.optim.Curve;
import rondo.optim.OptimizerConfig;
import rondo.optim.Schedule;

/**
 * One training run from scratch and its test.
 *
 * @param trainedSteps most steps of a problem in training
 * @param testSteps steps of every problem in the test, and what sets the length of all rows
 * @param block shape of every block; one prelude, one core and one coda block make the model
 * @param sampler how the depth of an update is drawn
 * @param meanRecurrence what it is drawn around
 * @param backprop most recurrences that are differentiated
 * @param batch rows of an update
 * @param updates optimiser steps; the first twentieth warms up, the last third decays to zero
 * @param clip largest norm of the gradients
 * @param testRows problems in the test
 * @param depths recurrences to test at, ascending
 */
public record StudyConfig(
    ChainTask task,
    int trainedSteps,
    int testSteps,
    BlockConfig block,
    DepthSampler sampler,
    int meanRecurrence,
    int backprop,
    int batch,
    int updates,
    OptimizerConfig optimizer,
    double clip,
    int testRows,
    List<Integer> depths) {
  public StudyConfig {
    depths = List.copyOf(depths);
    for (int i = 0; i < depths.size(); i++) {
      if (depths.get(i) < (i == 0 ? 1 : depths.get(i - 1) + 1)) {
        throw new IllegalArgumentException(
            "depths " + depths + ": expected them from 1, ascending");
      }
    }
    if (updates < 1 || batch < 1 || testRows < 1) {
      throw new IllegalArgumentException(
          "study: %d updates of %d rows and %d test rows, expected at least one of each"
              .formatted(updates, batch, testRows));
    }
  }

  /** What the study settled on: five cups, at most 8 swaps in training, 31 in the test. */
  public static StudyConfig shellGame() {
    return of(new ShellGame(5), 8, 31, 300);
  }

  /** Tried beside it: sums modulo ten, at most 8 numbers in training, 31 in the test. */
  public static StudyConfig runningSum() {
    return of(new RunningSum(10), 8, 31, 300);
  }

  /**
   * Tried beside it: eight nodes, at most 4 hops in training, 15 in the test, twice the updates.
   */
  public static StudyConfig pointerChase() {
    return of(new PointerChase(8), 4, 15, 600);
  }

  private static StudyConfig of(ChainTask task, int trainedSteps, int testSteps, int updates) {
    return new StudyConfig(
        task,
        trainedSteps,
        testSteps,
        block(BlockKind.HUGINN),
        DepthSampler.LOGNORMAL_POISSON,
        8,
        8,
        32,
        updates,
        new OptimizerConfig.MuonConfig(
            0.02,
            0,
            0.95,
            5,
            DType.F32,
            new OptimizerConfig.AdamWConfig(0.003, 0.9, 0.95, 1e-8, 0)),
        1,
        512,
        List.of(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64));
  }

  private static BlockConfig block(BlockKind kind) {
    return new BlockConfig(
        kind, 64, 4, 4, 16, 128, 1e-6, new Rope(10_000, kind == BlockKind.HUGINN, null));
  }

  /** The same with blocks of another kind and the same size. */
  public StudyConfig withBlocks(BlockKind kind) {
    return with(block(kind), sampler, meanRecurrence, updates);
  }

  /** The same trained at one fixed depth; at 1 it is a plain model that runs every block once. */
  public StudyConfig fixedAt(int depth) {
    return with(block, DepthSampler.FIXED, depth, updates);
  }

  /** The same with another number of optimiser steps. */
  public StudyConfig withUpdates(int count) {
    return with(block, sampler, meanRecurrence, count);
  }

  private StudyConfig with(BlockConfig blocks, DepthSampler depth, int mean, int count) {
    return new StudyConfig(
        task,
        trainedSteps,
        testSteps,
        blocks,
        depth,
        mean,
        Math.min(mean, backprop),
        batch,
        count,
        optimizer,
        clip,
        testRows,
        depths);
  }

  Schedule schedule() {
    return new Schedule(updates, updates / 20, updates / 3, Curve.LINEAR, 0);
  }

  /** The model: one block each of prelude, core and coda, and an untied head. */
  RecurrentConfig model() {
    return new RecurrentConfig(
        block,
        1,
        1,
        1,
        task.vocabulary(),
        task.length(testSteps),
        false,
        InitValues.huginn(block.width(), 2L + meanRecurrence),
        meanRecurrence,
        backprop,
        TokenIds.NONE,
        "float32",
        null);
  }
}

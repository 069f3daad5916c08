package rondo.train.study;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.engine.weights.ParameterLayout;
import rondo.infer.Forward;
import rondo.nn.Initializer;
import rondo.nn.RecurrentModel;
import rondo.nn.Weights;
import rondo.nn.WorkingWeights;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.depth.Depth;
import rondo.nn.depth.DepthPlan;
import rondo.nn.depth.DepthStep;
import rondo.nn.depth.Keep;
import rondo.optim.Optimizer;
import rondo.optim.UpdatePlan;
import rondo.train.study.StudyResult.Accuracy;
import rondo.train.study.StudyResult.Progress;

/**
 * Trains a tiny depth-recurrent model from scratch on problems of few steps and measures how often
 * it is right on problems of more, recurrence by recurrence. All but the times is a function of
 * configuration and seed: on one device and build, the same bits.
 */
public final class DepthStudy {
  /** Marks the initial states of the test apart from other uses of the same seed. */
  private static final long TEST_STATE = 0x6e6f697365L;

  /** Spreads seeds over the keys of the initial states in training. */
  private static final long SPREAD = 0x9E3779B97F4A7C15L;

  private static final int REPORTS = 20;

  private DepthStudy() {}

  /** Trains and tests; {@code progress} hears about twenty times. */
  public static StudyResult run(
      StudyConfig config, Device device, long seed, Consumer<Progress> progress) {
    var problems = new ProblemRows(config.task(), config.trainedSteps(), config.testSteps(), seed);
    try (var weights = Weights.allocate(RecurrentModel.of(config.model()), device)) {
      Initializer.fill(weights, device, seed);
      double cpu = cpuSeconds();
      long began = System.nanoTime();
      var losses = train(config, weights, device, problems, seed, progress);
      double trainSeconds = secondsSince(began);
      began = System.nanoTime();
      var accuracy = test(config, weights, device, problems, seed);
      return new StudyResult(
          config,
          seed,
          device.describe(),
          ParameterCounts.of(config.model()).total(),
          flops(config, seed),
          deepest(config, seed),
          trainSeconds,
          secondsSince(began),
          cpuSeconds() - cpu,
          losses,
          accuracy);
    }
  }

  private static List<Progress> train(
      StudyConfig config,
      Weights weights,
      Device device,
      ProblemRows problems,
      long seed,
      Consumer<Progress> progress) {
    var plan = plan(config);
    var layout = weights.layout();
    var update = UpdatePlan.of(layout, config.optimizer(), config.clip());
    long workspaceBytes = Math.max(plan.workspaceBytes(), update.workspaceBytes());
    var losses = new ArrayList<Progress>();
    try (var working = new WorkingWeights(weights, DType.F32);
        var gradients = device.allocate("gradients", layout.bytes());
        var state = device.allocate("state", plan.stateBytes());
        var moments = device.allocate("moments", update.stateBytes());
        var workspace = device.allocate("workspace", workspaceBytes)) {
      var step = new DepthStep(device, plan, working, gradients, state, workspace);
      var optimizer =
          new Optimizer(device, update, weights.region(), gradients, moments, workspace);
      var schedule = config.schedule();
      long began = System.nanoTime();
      int every = Math.max(1, config.updates() / REPORTS);
      int reported = 0;
      double sum = 0;
      for (int i = 0; i < config.updates(); i++) {
        var batch = problems.batch((long) i * config.batch(), config.batch());
        device.write(step.tokens(), batch.tokens());
        device.write(step.targets(), batch.answers());
        device.zero(layout.all(gradients));
        step.run(depth(config, seed, i), seed * SPREAD + i);
        optimizer.update(i, schedule.factor(i));
        sum += step.loss();
        int done = i + 1;
        if (done % every == 0 || done == config.updates()) {
          var point = new Progress(done, sum / (done - reported), secondsSince(began));
          losses.add(point);
          progress.accept(point);
          reported = done;
          sum = 0;
        }
      }
    }
    return losses;
  }

  private static List<Accuracy> test(
      StudyConfig config, Weights weights, Device device, ProblemRows problems, long seed) {
    var tests = problems.tests(config.testRows());
    var all = new ArrayList<Accuracy>();
    try (var forward = new Forward(weights, device, config.testRows(), problems.time())) {
      device.write(forward.tokens(), tests.tokens());
      forward.start();
      forward.randomState(seed, TEST_STATE);
      int at = 0;
      for (int depth : config.depths()) {
        for (; at < depth; at++) {
          forward.recur();
        }
        all.add(new Accuracy(depth, bySteps(config, tests, forward.logits())));
      }
    }
    return all;
  }

  private static List<Double> bySteps(StudyConfig config, Problem tests, float[] logits) {
    int vocabulary = config.task().vocabulary();
    int time = config.task().length(config.testSteps());
    var fractions = new ArrayList<Double>();
    for (int steps = 1; steps <= config.testSteps(); steps++) {
      int right = 0;
      for (int row = 0; row < config.testRows(); row++) {
        int i = row * time + config.task().length(steps) - 1;
        if (largest(logits, i * vocabulary, vocabulary) == tests.answers()[i]) {
          right++;
        }
      }
      fractions.add((double) right / config.testRows());
    }
    return fractions;
  }

  private static int largest(float[] logits, int from, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
      if (logits[from + i] > logits[from + best]) {
        best = i;
      }
    }
    return best;
  }

  private static DepthPlan plan(StudyConfig config) {
    return new DepthPlan(
        RecurrentModel.of(config.model()),
        config.batch(),
        config.model().maxPositions(),
        config.backprop(),
        Keep.ALL,
        true,
        1,
        DType.F32);
  }

  private static Depth depth(StudyConfig config, long seed, int update) {
    return config.sampler().draw(config.meanRecurrence(), config.backprop(), seed, update);
  }

  /** Floating-point operations of training, known beforehand. */
  public static long flops(StudyConfig config, long seed) {
    var plan = plan(config);
    var layout = new ParameterLayout(RecurrentModel.of(config.model()).parameters());
    long sum =
        config.updates()
            * UpdatePlan.of(layout, config.optimizer(), config.clip()).program().flops();
    for (int i = 0; i < config.updates(); i++) {
      sum += plan.flops(depth(config, seed, i));
    }
    return sum;
  }

  /** {@code other} with as many updates as cost the FLOPs of {@code config}. */
  public static StudyConfig atEqualFlops(StudyConfig other, StudyConfig config, long seed) {
    double each = (double) flops(other, seed) / other.updates();
    return other.withUpdates((int) Math.max(1, Math.round(flops(config, seed) / each)));
  }

  private static int deepest(StudyConfig config, long seed) {
    int deepest = 0;
    for (int i = 0; i < config.updates(); i++) {
      deepest = Math.max(deepest, depth(config, seed, i).total());
    }
    return deepest;
  }

  private static double secondsSince(long began) {
    return (System.nanoTime() - began) * 1e-9;
  }

  private static double cpuSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toNanos() * 1e-9;
  }
}

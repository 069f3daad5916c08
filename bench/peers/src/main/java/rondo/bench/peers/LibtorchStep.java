package rondo.bench.peers;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import rondo.bench.StepConfig;
import rondo.nn.checkpoint.BlockConfig;

/**
 * A {@link StepConfig} on libtorch: its tensors, automatic differentiation and fused attention,
 * with few and large calls from Java. Recurrences keep everything, whatever the configuration says.
 */
final class LibtorchStep {
  private static final double MUON_LR = 1e-3;

  private final PtNDManager manager;
  private final StepConfig config;
  private final Map<String, PtSymbolBlock> functions;
  private final SplittableRandom random = new SplittableRandom(1);
  private final List<PtNDArray> body = new ArrayList<>();
  private final List<PtNDArray> rest = new ArrayList<>();
  private final Map<Shape, List<PtNDArray>> stacks = new LinkedHashMap<>();
  private final PtNDArray embedding;
  private final PtNDArray adapter;
  private final List<PtNDArray> prelude = new ArrayList<>();
  private final List<PtNDArray> core = new ArrayList<>();
  private final List<PtNDArray> coda = new ArrayList<>();
  private final PtNDArray norm;
  private final PtNDArray head;
  private final PtNDArray cos;
  private final PtNDArray sin;
  private final PtNDArray tokens;
  private final PtNDArray targets;
  private final List<IValue[]> updates = new ArrayList<>();

  LibtorchStep(PtNDManager manager, StepConfig config) {
    this.manager = manager;
    this.config = config;
    var model = config.model();
    var block = model.block();
    int width = block.width();
    functions = new LinkedHashMap<>();
    for (var name : List.of("inject", "noise", "recur", "loss", "clip", "muon", "adamw")) {
      functions.put(name, TorchScript.load(manager, LibtorchScript.of(config, name)));
    }
    embedding = matrix(rest, model.vocabulary(), width);
    blocks(prelude, model.prelude(), block);
    adapter = matrix(body, width, 2 * width);
    blocks(core, model.core(), block);
    blocks(coda, model.coda(), block);
    norm = gain(width);
    head = model.tied() ? embedding : matrix(rest, model.vocabulary(), width);
    int half = block.headDim() / 2;
    var cosines = new float[config.time() * half];
    var sines = new float[cosines.length];
    for (int i = 0; i < cosines.length; i++) {
      int position = i / half;
      double angle = position * Math.pow(10_000, -(double) (i % half) / half);
      cosines[i] = (float) Math.cos(angle);
      sines[i] = (float) Math.sin(angle);
    }
    cos = floats(cosines, config.time(), half);
    sin = floats(sines, config.time(), half);
    var ids = new long[Math.toIntExact(config.tokens())];
    var next = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = random.nextInt(model.vocabulary());
      next[i] = (ids[i] * 7 + 3) % model.vocabulary();
    }
    tokens = (PtNDArray) manager.create(ids, new Shape(config.batch(), config.time()));
    targets = (PtNDArray) manager.create(next, new Shape(config.tokens()));
    body.forEach(p -> stacks.computeIfAbsent(p.getShape(), _ -> new ArrayList<>()).add(p));
  }

  private void blocks(List<PtNDArray> parameters, int count, BlockConfig b) {
    double out = 1 / Math.sqrt(2.0 * config.model().effectiveDepth());
    for (int i = 0; i < count; i++) {
      parameters.add(gain(b.width()));
      parameters.add(matrix(body, b.qkvWidth(), b.width()));
      parameters.add(matrix(body, b.width(), b.queryWidth(), out));
      parameters.add(gain(b.width()));
      parameters.add(matrix(body, 2 * b.hidden(), b.width()));
      parameters.add(matrix(body, b.width(), b.hidden(), out));
    }
    parameters.forEach(p -> p.setName("p[]"));
  }

  private PtNDArray gain(int width) {
    var values = new float[width];
    java.util.Arrays.fill(values, 1);
    return parameter(rest, values, width);
  }

  private PtNDArray matrix(List<PtNDArray> group, int rows, int columns) {
    return matrix(group, rows, columns, 1);
  }

  private PtNDArray matrix(List<PtNDArray> group, int rows, int columns, double factor) {
    double std = factor * Math.sqrt(2.0 / (5 * config.model().block().width()));
    var values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (std * random.nextGaussian());
    }
    return parameter(group, values, rows, columns);
  }

  private PtNDArray parameter(List<PtNDArray> group, float[] values, long... shape) {
    var p = floats(values, shape);
    JniUtils.attachGradient(p, true);
    group.add(p);
    return p;
  }

  private PtNDArray floats(float[] values, long... shape) {
    return manager.create(FloatBuffer.wrap(values), new Shape(shape), DataType.FLOAT32);
  }

  /** One step; the loss. */
  float run() {
    try (var scope = (PtNDManager) manager.newSubManager()) {
      JniUtils.setGradMode(true);
      var e = call(scope, "inject", prelude, tokens, embedding, adapter, cos, sin);
      JniUtils.setGradMode(false);
      var s = call(scope, "noise", List.of(), e);
      for (int i = 0; i < config.depth().frozen(); i++) {
        s = recur(scope, s, e);
      }
      JniUtils.setGradMode(true);
      for (int i = 0; i < config.depth().tracked(); i++) {
        s = recur(scope, s, e);
      }
      var loss = call(scope, "loss", coda, s, targets, cos, sin, norm, head);
      JniUtils.backward(loss, ones(scope), false, false);
      JniUtils.setGradMode(false);
      update();
      return loss.getFloat();
    }
  }

  private PtNDArray ones(PtNDManager scope) {
    return scope.create(FloatBuffer.wrap(new float[] {1}), new Shape(), DataType.FLOAT32);
  }

  private PtNDArray recur(PtNDManager scope, PtNDArray s, PtNDArray e) {
    return call(scope, "recur", core, s, e, adapter, cos, sin);
  }

  /** Clips, then Muon on each stack and AdamW on the rest; gradients are zeroed at the end. */
  private void update() {
    if (updates.isEmpty()) { // the gradients exist now, and stay where they are
      prepareUpdates();
    }
    for (int i = 0; i < updates.size(); i++) {
      var name = i == 0 ? "clip" : i == updates.size() - 1 ? "adamw" : "muon";
      try (var result = IValueUtils.forward(function(name), updates.get(i))) {
        result.toTensor(manager).close();
      }
    }
  }

  private void prepareUpdates() {
    var all = new ArrayList<>(body);
    all.addAll(rest);
    updates.add(new IValue[] {list(gradients(all))});
    stacks.forEach((shape, parameters) -> {
      var moment = zeros(shape, parameters.size());
      double scale = Math.sqrt(Math.max(1.0, (double) shape.get(0) / shape.get(1)));
      updates.add(
          new IValue[] {
            IValue.from(moment),
            list(parameters),
            list(gradients(parameters)),
            IValue.from(-MUON_LR * scale),
          });
    });
    var first = rest.stream().map(p -> zeros(p.getShape(), 0)).toList();
    var second = rest.stream().map(p -> zeros(p.getShape(), 0)).toList();
    var steps = rest.stream().map(_ -> zeros(new Shape(), 0)).toList();
    updates.add(
        new IValue[] {list(rest), list(gradients(rest)), list(first), list(second), list(steps)});
  }

  private static List<PtNDArray> gradients(List<PtNDArray> parameters) {
    return parameters.stream().map(JniUtils::getGradient).toList();
  }

  private PtNDArray zeros(Shape shape, int stacked) {
    var whole = stacked == 0 ? shape : new Shape(stacked).addAll(shape);
    return (PtNDArray) manager.zeros(whole, DataType.FLOAT32);
  }

  private static IValue list(List<PtNDArray> arrays) {
    return IValue.listFrom(arrays.toArray(new PtNDArray[0]));
  }

  private PtSymbolBlock function(String name) {
    return java.util.Objects.requireNonNull(functions.get(name));
  }

  /**
   * Calls a function with tensors and last, if it takes one, a list of them; the result is freed
   * with the scope.
   */
  private PtNDArray call(
      PtNDManager scope, String function, List<PtNDArray> list, PtNDArray... arguments) {
    var all = new NDList(arguments);
    all.addAll(list); // by their names, libtorch gets them as one list
    // Only what is called for training may be differentiated.
    var result = (PtNDArray) IValueUtils.forward(function(function), all, true).singletonOrThrow();
    result.attach(scope);
    return result;
  }
}

package rondo.train;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import rondo.data.rows.Chat;
import rondo.data.rows.ChatTemplate;
import rondo.nn.depth.DepthSampler;
import rondo.nn.depth.Keep;
import rondo.optim.BackpropSchedule;
import rondo.optim.Curriculum;
import rondo.optim.Curve;
import rondo.optim.Schedule;

/** From nested values to a {@link Recipe}; defaults are those of the retrofits where published. */
final class RecipeReader {
  private RecipeReader() {}

  static Recipe read(Map<String, Object> values, UnaryOperator<Path> models) {
    var root = new Section("", values);
    boolean hasModel = root.has("model");
    if (hasModel == root.has("preset")) {
      throw root.wrong(
          "model", root.get("model"), "model (a folder) or preset (a name), one of them");
    }
    boolean random =
        root.word("init", hasModel ? "weights" : "random", "weights", "random").equals("random");
    if (!hasModel && !random) {
      throw root.wrong("init", "weights", "random: a preset has no weights");
    }
    int steps = root.count("steps");
    var batch = root.section("batch");
    int sequences = batch.count("sequences");
    boolean auto = "auto".equals(batch.get("micro"));
    int micro = auto ? 0 : batch.count("micro", sequences);
    if (!auto && sequences % micro != 0) {
      throw batch.wrong("micro", micro, "a divisor of the " + sequences + " sequences");
    }
    batch.end();
    var activations = Recipe.precision(root.word("precision", "f32", "f32", "bf16"));
    var checkpoint = root.section("checkpoint");
    var policy =
        new Recipe.CheckpointPolicy(checkpoint.count("every", 1000), checkpoint.count("keep", 3));
    checkpoint.end();
    var nonFinite =
        root.word("non_finite", "stop", "stop", "skip").equals("stop")
            ? Recipe.NonFinite.STOP
            : Recipe.NonFinite.SKIP;
    var optimizer = root.section("optimizer");
    var loss = root.section("loss");
    var recipe =
        new Recipe(
            hasModel ? models.apply(Path.of(root.text("model"))) : null,
            hasModel ? null : root.text("preset"),
            random,
            Path.of(root.text("out")),
            data(root.section("data"), policy.every()),
            sequences,
            micro,
            root.bytes("memory"),
            steps,
            depth(root.section("depth"), steps),
            OptimizerReader.config(optimizer),
            OptimizerReader.policy(root, optimizer),
            loss.notNegative("z", 0),
            schedule(root.section("schedule"), steps),
            root.notNegative("clip", 1),
            activations,
            policy,
            averaging(root.section("ema"), root.has("ema")),
            root.has("distill") ? distill(root.section("distill"), models) : null,
            nonFinite,
            root.whole("seed", 74),
            RecipeYaml.flat(values));
    optimizer.end();
    loss.end();
    root.end();
    return recipe;
  }

  private static Recipe.Data data(Section s, int checkpointEvery) {
    var parts = s.sections("train").stream().map(RecipeReader::part).toList();
    if (parts.isEmpty()) {
      throw s.wrong("train", "[]", "at least one {path: …}");
    }
    Recipe.Held validation = null;
    if (s.has("validation")) {
      var v = s.section("validation");
      int rows = v.count("rows", Integer.MAX_VALUE);
      var recurrences = v.increasing("recurrences");
      int every = v.count("every", checkpointEvery);
      validation = new Recipe.Held(part(v), rows, recurrences, every);
    }
    var data =
        new Recipe.Data(
            parts,
            validation,
            s.count("sequence_length"),
            switch (s.word("shuffle", "true", "true", "false", "shards")) {
              case "true" -> Recipe.Shuffle.ROWS;
              case "shards" -> Recipe.Shuffle.SHARDS;
              default -> Recipe.Shuffle.NONE;
            },
            path(s, "tokenizer"),
            s.has("chat") ? Optional.of(chat(s.section("chat"))) : Optional.empty());
    s.end();
    return data;
  }

  private static Recipe.@Nullable Averaging averaging(Section s, boolean wanted) {
    double decay = s.fraction("decay", 0.999);
    int every = s.count("every", 1);
    s.end();
    return wanted ? new Recipe.Averaging(decay, every) : null;
  }

  private static Recipe.Distill distill(Section s, UnaryOperator<Path> models) {
    var model = models.apply(Path.of(s.text("model")));
    double weight = s.fraction("weight", 0.5);
    double temperature = s.positive("temperature", 1);
    if (temperature < 1e-3 || temperature > 1e3) {
      throw s.wrong("temperature", temperature, "a number from 0.001 to 1000");
    }
    s.end();
    return new Recipe.Distill(model, weight, temperature);
  }

  private static Chat chat(Section s) {
    var word = s.word("template", "huginn", "huginn", "llama3", "chatml");
    var system = s.has("system") ? Optional.of(s.text("system")) : Optional.<String>empty();
    s.end();
    return new Chat(ChatTemplate.named(word).orElseThrow(), system);
  }

  private static @Nullable Path path(Section s, String key) {
    return s.has(key) ? Path.of(s.text(key)) : null;
  }

  private static Recipe.Part part(Section s) {
    var part =
        new Recipe.Part(
            Path.of(s.text("path")),
            s.positive("weight", 1),
            s.has("text") ? Optional.of(s.text("text")) : Optional.empty());
    s.end();
    return part;
  }

  private static Recipe.DepthPolicy depth(Section s, int steps) {
    int mean = s.count("mean", 32);
    int backprop = s.count("backprop", 8);
    var name = s.text("sampler", DepthSampler.LOGNORMAL_POISSON.toString());
    var sampler =
        DepthSampler.named(name).orElseThrow(() -> s.wrong("sampler", name, DepthSampler.names()));
    var state = s.word("state", "random", "random", "zero");
    var keep = s.word("keep", "all", "all", "state");
    var c = s.section("curriculum");
    var curve = rise(c);
    long ramp = ramp(c, steps);
    c.end();
    var b = s.section("backprop_curriculum");
    var backpropCurve = rise(b);
    long backpropRamp = ramp(b, steps);
    int start = b.count("start", 1);
    if (start > backprop) {
      throw b.wrong("start", start, "at most depth.backprop, " + backprop);
    }
    b.end();
    s.end();
    var curriculum =
        curve == Curve.CONSTANT ? Curriculum.none(mean) : new Curriculum(mean, ramp, curve);
    var tracked =
        backpropCurve == Curve.CONSTANT
            ? BackpropSchedule.none(backprop)
            : new BackpropSchedule(start, backprop, backpropRamp, backpropCurve);
    return new Recipe.DepthPolicy(
        curriculum,
        tracked,
        sampler,
        state.equals("random"),
        keep.equals("all") ? Keep.ALL : Keep.STATE);
  }

  private static Curve rise(Section s) {
    return switch (s.word("curve", "none", "none", "linear", "1-sqrt")) {
      case "linear" -> Curve.LINEAR;
      case "1-sqrt" -> Curve.ONE_MINUS_SQRT;
      default -> Curve.CONSTANT;
    };
  }

  /** Steps of a rise, given as steps or as a fraction of all. */
  private static long ramp(Section s, int steps) {
    if (!s.has("steps")) {
      return (long) Math.ceil(s.fraction("fraction", 0.25) * steps);
    }
    long ramp = s.whole("steps", 0);
    if (ramp < 0 || s.has("fraction")) {
      throw s.wrong("steps", ramp, "at least 0, without fraction");
    }
    return ramp;
  }

  private static Schedule schedule(Section s, int steps) {
    long warmup = s.steps("warmup", steps, 0.005);
    long decay = s.steps("decay", steps, 0);
    var word = s.word("curve", "cosine", "cosine", "linear", "constant");
    var curve =
        switch (word) {
          case "linear" -> Curve.LINEAR;
          case "constant" -> Curve.CONSTANT;
          default -> Curve.COSINE;
        };
    double ratio = s.fraction("min_ratio", 0.001);
    s.end();
    if (warmup + decay > steps) {
      throw s.wrong("decay", decay + " steps", "at most " + (steps - warmup) + " after the warmup");
    }
    return new Schedule(steps, warmup, decay, curve, ratio);
  }
}

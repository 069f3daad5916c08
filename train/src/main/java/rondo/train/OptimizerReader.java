package rondo.train;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import rondo.nn.ParameterSelector;
import rondo.optim.OptimizerConfig;
import rondo.optim.OptimizerConfig.AdamWConfig;
import rondo.optim.OptimizerConfig.EllisAdamConfig;
import rondo.optim.OptimizerConfig.MuonConfig;

/** What a recipe says of updates: the optimiser, its groups, and what is frozen. */
final class OptimizerReader {
  private OptimizerReader() {}

  /** Reads its keys of the section of the optimiser; the caller ends it. */
  static OptimizerConfig config(Section s) {
    return switch (s.word("name", "muon", "muon", "adamw", "ellis-adam")) {
      case "adamw" -> adamW(s, 1e-8);
      case "ellis-adam" -> ellisAdam(s);
      default -> muon(s);
    };
  }

  private static MuonConfig muon(Section s) {
    var newton = s.section("newton_schulz");
    var rest = s.section("adamw");
    var config =
        new MuonConfig(
            s.positive("lr", 1e-3),
            s.notNegative("weight_decay", 1e-4),
            s.fraction("momentum", 0.95),
            newton.count("steps", 5),
            Recipe.precision(newton.word("precision", "bf16", "bf16", "f32")),
            adamW(rest, 1e-10));
    newton.end();
    rest.end();
    return config;
  }

  private static AdamWConfig adamW(Section s, double eps) {
    var betas = betas(s);
    return new AdamWConfig(
        s.positive("lr", 5e-5),
        betas.get(0),
        betas.get(1),
        s.notNegative("eps", eps),
        s.notNegative("weight_decay", 1e-4));
  }

  /** Defaults are Huginn's. */
  private static EllisAdamConfig ellisAdam(Section s) {
    var betas = betas(s);
    double eps = s.positive("eps", 1e-6);
    if (eps < 1e-18) { // its square must be a normal number of f32
      throw s.wrong("eps", eps, "at least 1e-18");
    }
    return new EllisAdamConfig(
        s.positive("lr", 4e-5),
        betas.get(0),
        betas.get(1),
        eps,
        s.notNegative("weight_decay", 4e-5),
        s.flag("update_clipping", true),
        s.flag("atan2", true),
        s.flag("running_init", true));
  }

  private static List<Double> betas(Section s) {
    var betas = s.numbers("betas", List.of(0.9, 0.95));
    for (double beta : betas) {
      if (beta < 0 || beta >= 1) {
        throw s.wrong("betas", betas, "two numbers from 0 to below 1");
      }
    }
    return betas;
  }

  /**
   * Groups and what is frozen.
   *
   * @param s section of the optimiser
   */
  static UpdatePolicy policy(Section root, Section s) {
    return new UpdatePolicy(
        groups(s),
        selectors(root, "freeze"),
        s.flag("throttle", false),
        s.flag("skip_first_update", false));
  }

  private static List<UpdatePolicy.Group> groups(Section s) {
    if (!s.has("groups") || "none".equals(s.get("groups"))) {
      return List.of();
    }
    if ("huginn".equals(s.get("groups"))) {
      return List.of(UpdatePolicy.Group.huginnNorms());
    }
    if (!(s.get("groups") instanceof List)) {
      throw s.wrong("groups", s.get("groups"), "none, huginn or a list of mappings");
    }
    var groups = new ArrayList<UpdatePolicy.Group>();
    for (var g : s.sections("groups")) {
      var parameters = selectors(g, "parameters");
      double factor = g.positive("lr_factor", 1);
      var decay =
          g.has("weight_decay")
              ? OptionalDouble.of(g.notNegative("weight_decay", 0))
              : OptionalDouble.empty();
      g.end();
      if (parameters.isEmpty()) {
        throw g.wrong("parameters", g.get("parameters"), "a list of one name or more");
      }
      groups.add(new UpdatePolicy.Group(parameters, factor, decay));
    }
    return groups;
  }

  private static List<ParameterSelector> selectors(Section s, String key) {
    if (!s.has(key)) {
      return List.of();
    }
    if (!(s.get(key) instanceof List<?> list)) {
      throw s.wrong(key, s.get(key), "a list of names, as in [core, adapter]");
    }
    var selectors = new ArrayList<ParameterSelector>();
    for (var name : list) {
      try {
        selectors.add(new ParameterSelector(String.valueOf(name)));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("recipe: " + s.at(key) + ": " + e.getMessage());
      }
    }
    return selectors;
  }
}

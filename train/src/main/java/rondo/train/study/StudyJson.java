package rondo.train.study;

import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The study as JSON, every number in it. */
public final class StudyJson {
  private StudyJson() {}

  /**
   * All arms.
   *
   * @param about where and when it ran: machine, date, commit
   */
  public static ObjectNode of(Map<String, String> about, List<Study.Arm> arms) {
    var root = JsonNodeFactory.instance.objectNode();
    about.forEach(root::put);
    var list = root.putArray("arms");
    for (var arm : arms) {
      var node = list.addObject();
      node.put("name", arm.name());
      node.put("about", arm.about());
      var runs = node.putArray("runs");
      arm.runs().forEach(run -> runs.add(of(run)));
    }
    return root;
  }

  /** One run. */
  public static ObjectNode of(StudyResult run) {
    var node = JsonNodeFactory.instance.objectNode();
    var config = run.config();
    node.put("seed", run.seed());
    node.put("task", config.task().toString());
    node.put("trained_steps", config.trainedSteps());
    node.put("test_steps", config.testSteps());
    node.put("blocks", config.block().kind().name());
    node.put("width", config.block().width());
    node.put("heads", config.block().heads());
    node.put("hidden", config.block().hidden());
    node.put("sampler", config.sampler().scheme().name());
    node.put("mean_recurrence", config.meanRecurrence());
    node.put("backprop_depth", config.backprop());
    node.put("batch", config.batch());
    node.put("updates", config.updates());
    node.put("optimizer", config.optimizer().toString());
    node.put("clip", config.clip());
    node.put("test_rows", config.testRows());
    node.put("device", run.device());
    node.put("parameters", run.parameters());
    node.put("training_flops", run.flops());
    node.put("deepest_update", run.deepest());
    node.put("train_seconds", run.trainSeconds());
    node.put("test_seconds", run.testSeconds());
    node.put("cpu_seconds", run.cpuSeconds());
    var losses = node.putArray("losses");
    for (var p : run.losses()) {
      losses
          .addObject()
          .put("update", p.update())
          .put("loss", p.loss())
          .put("seconds", p.seconds());
    }
    var accuracy = node.putArray("accuracy");
    for (var a : run.accuracy()) {
      var bySteps = accuracy.addObject().put("r", a.depth()).putArray("by_steps");
      a.bySteps().forEach(bySteps::add);
    }
    return node;
  }
}

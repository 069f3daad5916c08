package rondo.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntFunction;
import rondo.engine.device.Device;
import rondo.engine.graph.DType;
import rondo.engine.graph.Graph;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.Program;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TensorType;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.Kernels;
import rondo.engine.nativelib.Operand;
import rondo.engine.weights.ParameterLayout;
import rondo.nn.RecurrentModel;
import rondo.nn.depth.DepthPlan;
import rondo.optim.UpdatePlan;

/**
 * Where the time of a training step goes: every launch of its programs timed on its own, in program
 * order, on memory of its own.
 *
 * @param seconds of the whole step as the sum of its launches
 */
public record StepProfile(String step, double seconds, List<Row> rows) {
  /**
   * Launches of one kind in one program.
   *
   * @param runs launches in a step
   * @param seconds of all of them together
   */
  public record Row(
      String program, String operation, int runs, double seconds, double flops, double bytes) {
    Row plus(Row other) {
      return new Row(
          program,
          operation,
          runs + other.runs,
          seconds + other.seconds,
          flops + other.flops,
          bytes + other.bytes);
    }
  }

  public StepProfile {
    rows = List.copyOf(rows);
  }

  /**
   * Profiles a step.
   *
   * @param device for memory only
   * @param functions what the launches call, of the same memory as the device's
   * @param rounds runs of each program, of which the median of each launch counts; and the clock
   */
  public static StepProfile measure(
      Device device, Functions functions, StepConfig config, Rounds rounds) {
    var model = RecurrentModel.of(config.model());
    var plan =
        new DepthPlan(
            model,
            config.batch(),
            config.time(),
            config.depth().tracked(),
            config.keep(),
            true,
            1,
            DType.F32);
    var update =
        UpdatePlan.of(
            new ParameterLayout(model.parameters()), StepConfig.OPTIMIZER, StepConfig.CLIP);
    var programs = new ArrayList<>(plan.runs(config.depth()));
    programs.add(new DepthPlan.Runs(update.norm(), 1));
    programs.add(new DepthPlan.Runs(update.program(), 1));
    var rows = new LinkedHashMap<String, Row>();
    programs.forEach(runs -> {
      if (runs.times() > 0) {
        for (var row : profile(device, functions, runs.program(), runs.times(), rounds)) {
          rows.merge(row.program + "\n" + row.operation, row, Row::plus);
        }
      }
    });
    var sorted = new ArrayList<>(rows.values());
    sorted.sort(Comparator.comparingDouble(Row::seconds).reversed());
    double seconds = sorted.stream().mapToDouble(Row::seconds).sum();
    return new StepProfile(config.toString(), seconds, sorted);
  }

  private static List<Row> profile(
      Device device, Functions functions, Program program, int times, Rounds rounds) {
    try (var bench = new Workbench(device)) {
      for (var step : program.steps()) {
        if (step instanceof Program.Run(var node, _, _)) {
          shareUpdates(bench, node);
        }
      }
      var workspace = bench.region(program.workspaceBytes());
      var bytes = TensorType.f32(Math.toIntExact(workspace.bytes() / 4));
      var memory = workspace.at(0, bytes).memory();
      Kernels.Addresses addresses =
          (t, target) -> {
            var offset = program.offsets().get(t.id());
            var of = offset == null || target ? bench.buffer(t).memory() : memory.asSlice(offset);
            return new Operand(of, t.shape().last());
          };
      IntFunction<MemorySegment> scratch =
          i -> {
            long offset = program.scratch().get(i);
            return offset < 0 ? MemorySegment.NULL : memory.asSlice(offset);
          };
      var launches = Kernels.launches(program, addresses, scratch, functions);
      var timings = time(launches, rounds);
      var rows = new ArrayList<Row>();
      for (int i = 0; i < launches.size(); i++) {
        rows.add(row(program, program.steps().get(i), times, timings.get(i).median()));
      }
      return rows;
    }
  }

  private static void shareUpdates(Workbench bench, Graph.Node node) {
    for (int i = 0; i < node.outputs().size(); i++) {
      var updated = node.op().updates(i);
      if (updated != null) {
        bench.share(node.outputs().get(i), bench.buffer(updated));
      }
    }
  }

  private static List<Timing> time(List<Runnable> launches, Rounds rounds) {
    launches.forEach(Runnable::run);
    var seconds = new ArrayList<List<Double>>();
    launches.forEach(_ -> seconds.add(new ArrayList<>()));
    for (int r = 0; r < rounds.count(); r++) {
      for (int i = 0; i < launches.size(); i++) {
        long start = rounds.clock().nanos();
        launches.get(i).run();
        seconds.get(i).add((rounds.clock().nanos() - start) / 1e9);
      }
    }
    return seconds.stream().map(Timing::new).toList();
  }

  private static Row row(Program program, Program.Step step, int times, double seconds) {
    var name = program.name();
    return switch (step) {
      case Program.Run(var node, var wanted, var accumulated) ->
          new Row(
              name,
              label(node, !accumulated.isEmpty()),
              times,
              times * seconds,
              (double) times * node.op().flops(wanted),
              (double) times * node.op().bytes());
      case Program.AddInto(var t) ->
          new Row(name, "Add into " + dims(t), times, times * seconds, 0, 3.0 * t.type().bytes());
    };
  }

  private static String label(Graph.Node node, boolean adds) {
    if (node.op() instanceof MatMul p) {
      return "%s%d × %d × %d %s%s%s%s"
          .formatted(
              p.batched() ? p.batch() + " of " : "",
              p.m(),
              p.n(),
              p.k(),
              p.transposeA() ? "T" : "N",
              p.transposeB() ? "T" : "N",
              adds ? " +=" : p.c() != null ? " + c" : "",
              p.symmetric() ? " symmetric" : "");
    }
    var type = node.op().getClass().getName();
    var operation = type.substring(type.lastIndexOf('.') + 1).replace('$', ' ');
    return operation.toLowerCase(Locale.ROOT) + " " + dims(node.op().inputs().getFirst());
  }

  private static String dims(Tensor t) {
    return t.type().shape().toString();
  }

  /** Sums by kind of operation, then the single launches that matter most. */
  String markdown() {
    var out = new StringBuilder("### where the time goes: " + step + "\n\n");
    out.append(Report.digits(1, seconds * 1e3)).append(" ms as the sum of single launches\n\n");
    out.append("| program | ms | share |\n|---|---:|---:|\n");
    sums(row -> row.program).forEach((name, s) -> line(out, name, s, ""));
    out.append("\n| operation | ms | share |\n|---|---:|---:|\n");
    sums(StepProfile::kind).forEach((name, s) -> line(out, name, s, ""));
    out.append("\n| launches | ms | share | runs | GFLOP/s | GB/s |\n");
    out.append("|---|---:|---:|---:|---:|---:|\n");
    for (var row : rows.subList(0, Math.min(40, rows.size()))) {
      var rates =
          " %s | %s | %s |"
              .formatted(
                  String.valueOf(row.runs),
                  row.flops > 0 ? Report.digits(1, row.flops / row.seconds / 1e9) : "",
                  Report.digits(1, row.bytes / row.seconds / 1e9));
      line(out, row.program + ": " + row.operation, row.seconds, rates);
    }
    return out.toString();
  }

  private void line(StringBuilder out, String name, double s, String more) {
    out.append(
        "| %s | %s | %s %% |%s\n"
            .formatted(name, Report.digits(2, s * 1e3), Report.digits(1, 100 * s / seconds), more));
  }

  private static String kind(Row row) {
    if (Character.isDigit(row.operation.charAt(0))) {
      return row.operation.contains(" of ") ? "products, batched" : "products";
    }
    int shape = row.operation.indexOf('[');
    return shape < 0 ? row.operation : row.operation.substring(0, shape).strip();
  }

  private Map<String, Double> sums(Function<Row, String> by) {
    var sums = new LinkedHashMap<String, Double>();
    rows.forEach(row -> sums.merge(by.apply(row), row.seconds, Double::sum));
    var sorted = new LinkedHashMap<String, Double>();
    sums.entrySet().stream()
        .sorted(Map.Entry.<String, Double>comparingByValue().reversed())
        .forEach(e -> sorted.put(e.getKey(), e.getValue()));
    return sorted;
  }
}

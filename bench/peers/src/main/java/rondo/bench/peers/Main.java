package rondo.bench.peers;

import ai.djl.engine.Engine;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import rondo.bench.Blas;
import rondo.bench.Machine;
import rondo.bench.Measurement;
import rondo.bench.Options;
import rondo.bench.Product;
import rondo.bench.ProductBench;
import rondo.bench.Report;
import rondo.bench.StepBench;
import rondo.bench.StepConfig;
import rondo.engine.device.Devices;
import rondo.nn.depth.Keep;

/**
 * Products next to OpenBLAS and MKL, and the training step next to libtorch. Options as in {@link
 * rondo.bench.Main}, with parts products and steps, and {@code --blas FOLDER} for the unpacked
 * libraries.
 */
public final class Main {
  private static final Set<String> OPTIONS =
      Set.of("threads", "parts", "rounds", "seconds", "clock", "date", "commit", "out", "blas");

  private Main() {}

  public static void main(String[] arguments) throws IOException {
    var options = new Options(arguments, OPTIONS);
    var rounds = options.rounds();
    var parts = Set.of(options.text("parts", "products,steps").split(","));
    var all = new ArrayList<Measurement>();
    try (var device = Devices.open("cpu", options.count("threads", 0))) {
      var machine =
          Machine.here(
              device.threads(),
              device.describe(),
              options.text("date", "not said"),
              options.text("commit", "not said"),
              rounds.clock());
      if (parts.contains("products")) {
        var folder = Path.of(options.text("blas", "bench/peers/target/blas"), "org", "bytedeco");
        var others =
            List.<Blas>of(
                NativeBlas.openBlas(folder.resolve("openblas/linux-x86_64"), device.threads()),
                NativeBlas.mkl(folder.resolve("mkl/linux-x86_64"), device.threads()));
        all.addAll(ProductBench.measure(device, Product.squares(), others, rounds));
        var model = Product.of(StepConfig.quickstart(0, Keep.ALL));
        all.addAll(ProductBench.measure(device, model, others, rounds));
      }
      if (parts.contains("steps")) {
        System.setProperty("ai.djl.offline", "true");
        var engine = Engine.getEngine("PyTorch");
        JniUtils.setNumThreads(device.threads());
        var steps =
            List.of(
                StepConfig.quickstart(0, Keep.ALL),
                StepConfig.quickstart(4, Keep.ALL),
                StepConfig.tied());
        try (var manager = (PtNDManager) engine.newBaseManager()) {
          all.addAll(StepBench.measure(device, steps, List.of(libtorch(engine, manager)), rounds));
        }
      }
      var report = new Report(machine, all, List.of());
      rondo.bench.Main.write(report, Path.of(options.text("out", ".")));
      System.out.print(report.markdown());
    }
  }

  private static StepBench.Peer libtorch(Engine engine, PtNDManager manager) {
    return new StepBench.Peer() {
      @Override
      public String name() {
        return "libtorch " + engine.getVersion();
      }

      @Override
      public Runnable step(StepConfig config) {
        var step = new LibtorchStep(manager, config);
        return () -> {
          float loss = step.run();
          if (!Float.isFinite(loss)) {
            throw new IllegalStateException(config + ": libtorch's loss is " + loss);
          }
        };
      }
    };
  }
}

package rondo.nn;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.StoredTensor;
import rondo.nn.checkpoint.TensorToWrite;

/**
 * A model folder's tensors as the published PyTorch code expects them: under its names, in the
 * order of its modules, with the values that it keeps beside its parameters. They are read from
 * their files piece by piece as they are written.
 */
public final class Export {
  /** The order of a block's modules in the published code. */
  private static final List<String> ORDER =
      List.of(
          "norm_1.weight",
          "attn.qk_bias",
          "attn.Wqkv.weight",
          "attn.q_norm.weight",
          "attn.k_norm.weight",
          "attn.proj.weight",
          "norm_2.weight",
          "mlp.fc.weight",
          "mlp.proj.weight",
          "norm_3.weight",
          "norm_4.weight");

  private Export() {}

  /**
   * The tensors to write.
   *
   * @param files open until they are written
   * @param untied whether a head that is the embedding becomes a matrix of its own, with the same
   *     values; for a config that says so
   * @throws rondo.nn.checkpoint.CheckpointException when one is missing or has another shape
   */
  public static List<TensorToWrite> tensors(
      CheckpointFolder files, WeightFiles.Precision precision, boolean untied) {
    var config = files.config();
    var model = Model.of(config);
    var tensors = new ArrayList<TensorToWrite>();
    files.find("freqs_cis"); // recomputed, as when a model is loaded
    if (config.block().kind() == BlockKind.HUGINN) {
      tensors.add(rotaryTable(config));
    }
    for (var p : ordered(model.parameters())) {
      for (var stored : WeightFiles.stored(model, p, files)) {
        tensors.add(copy(stored.name(), stored, precision));
      }
    }
    if (config.tied()) {
      files.find("lm_head.weight"); // the same matrix again
    }
    // The published files hold a tied head a second time; a fixed-depth model's do not.
    if (config.tied() && (untied || model instanceof RecurrentModel)) {
      var head =
          switch (model) {
            case FixedModel m -> m.head();
            case RecurrentModel m -> m.head();
          };
      var stored = WeightFiles.stored(model, head, files).getFirst();
      tensors.add(copy("lm_head.weight", stored, precision));
    }
    return List.copyOf(tensors);
  }

  /** In the order of modules: blocks stay together, and so do their parts. */
  private static List<Parameter> ordered(List<Parameter> parameters) {
    var ordered = new ArrayList<Parameter>();
    var block = new ArrayList<Parameter>();
    var path = "";
    for (var p : parameters) {
      var of = blockOf(p.name());
      if (!of.equals(path)) {
        flush(block, path, ordered);
        path = of;
      }
      block.add(p);
    }
    flush(block, path, ordered);
    return ordered;
  }

  private static void flush(List<Parameter> block, String path, List<Parameter> to) {
    if (!path.isEmpty()) {
      block.sort(Comparator.comparingInt(p -> ORDER.indexOf(p.name().substring(path.length()))));
    }
    to.addAll(block);
    block.clear();
  }

  /** {@code transformer.core_block.2.}, or nothing for what is in no block. */
  private static String blockOf(String name) {
    for (var part : ORDER) {
      if (name.endsWith("." + part)) {
        return name.substring(0, name.length() - part.length());
      }
    }
    return "";
  }

  private static TensorToWrite copy(
      String name, StoredTensor stored, WeightFiles.Precision precision) {
    TensorToWrite.Values values =
        (first, to) -> stored.copyElements(first, to.byteSize() / Float.BYTES, to, 0);
    return precision == WeightFiles.Precision.BF16
        ? TensorToWrite.bf16(name, values, stored.shape())
        : TensorToWrite.f32(name, values, stored.shape());
  }

  /** cos and sin [1, positions, 1, size/2, 2], which Huginn's code reads rather than computes. */
  private static TensorToWrite rotaryTable(ModelConfig config) {
    int size = config.block().headDim();
    int rows = config.maxPositions();
    // Of float32 whatever the rest is: rounded angles would turn far positions by much.
    TensorToWrite.Values values =
        (first, to) -> {
          var table = Positions.table(config.block().rope(), rows, size);
          MemorySegment.copy(
              MemorySegment.ofArray(table), first * Float.BYTES, to, 0, to.byteSize());
        };
    return TensorToWrite.f32("freqs_cis", values, 1, rows, 1, size / 2, 2);
  }
}

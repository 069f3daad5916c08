package rondo.nn;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import rondo.engine.device.Device;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.CheckpointFolder;
import rondo.nn.checkpoint.ConfigWriter;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.SafetensorsWriter;
import rondo.nn.checkpoint.StoredTensor;
import rondo.nn.checkpoint.TensorToWrite;

/**
 * Model folders in the Hugging Face layout ⇄ weights. Recurrent models use the published names,
 * which are Rondo's own; fixed-depth models keep query, key and value (gate and up) apart in files
 * and fused in memory.
 */
public final class WeightFiles {
  /** Element type of a written file. */
  public enum Precision {
    F32,
    BF16;

    /** As {@code torch_dtype} names it. */
    public String dtype() {
      return switch (this) {
        case F32 -> "float32";
        case BF16 -> "bfloat16";
      };
    }
  }

  /** Part of a parameter's rows under its name in a file. */
  private record Part(String name, int rows) {}

  private WeightFiles() {}

  /**
   * Reads a model folder.
   *
   * @throws rondo.nn.checkpoint.CheckpointException when it is no such folder, in one line
   */
  public static Weights load(Path folder, Device device) {
    try (var files = CheckpointFolder.open(folder)) {
      return load(files, files.config(), device);
    }
  }

  /** As {@link #load(Path, Device)}, under a configuration of the same shapes. */
  public static Weights load(Path folder, ModelConfig config, Device device) {
    try (var files = CheckpointFolder.open(folder)) {
      return load(files, config, device);
    }
  }

  /** Reads a folder into weights that are there already. */
  public static void load(Path folder, Weights weights) {
    try (var files = CheckpointFolder.open(folder)) {
      for (var p : weights.model().parameters()) {
        read(weights, p, files);
      }
    }
  }

  private static Weights load(CheckpointFolder files, ModelConfig config, Device device) {
    var model = Model.of(config);
    // All of them before any memory: a configuration may ask for more than any machine has.
    for (var p : model.parameters()) {
      stored(model, p, files);
    }
    var weights = Weights.allocate(model, device);
    try {
      for (var p : model.parameters()) {
        read(weights, p, files);
      }
      files.find("freqs_cis"); // recomputed
      if (config.tied()) {
        files.find("lm_head.weight"); // the same matrix again
      }
      var note = files.unusedNote();
      return note == null ? weights : weights.withNotes(List.of(note));
    } catch (RuntimeException e) {
      weights.close();
      throw e;
    }
  }

  private static void read(Weights weights, Parameter p, CheckpointFolder files) {
    weights
        .device()
        .fill(
            weights.of(p),
            memory -> {
              long offset = 0;
              for (var stored : stored(weights.model(), p, files)) {
                stored.copyTo(memory, offset);
                offset += stored.elements();
              }
            });
  }

  /** The tensors that lie one after another in a parameter, of the shapes that it needs. */
  static List<StoredTensor> stored(Model model, Parameter p, CheckpointFolder files) {
    var parts = parts(model, p);
    return parts.isEmpty()
        ? List.of(files.require(p.name(), dims(p)))
        : parts.stream().map(part -> files.require(part.name, partDims(p, part))).toList();
  }

  /**
   * Writes config.json and model.safetensors, each beside and renamed, the configuration last; it
   * names the type that is written, whatever the model was read from.
   *
   * @throws rondo.nn.checkpoint.WriteException when the disk is full
   */
  public static void save(Weights weights, Path folder, Precision precision) {
    SafetensorsWriter.write(folder.resolve(CheckpointFolder.WEIGHTS), tensors(weights, precision));
    ConfigWriter.write(
        folder.resolve(CheckpointFolder.CONFIG),
        weights.model().config().withDtype(precision.dtype()));
  }

  /** Every parameter as it is named in files. */
  public static List<TensorToWrite> tensors(Weights weights, Precision precision) {
    var tensors = new ArrayList<TensorToWrite>();
    for (var p : weights.model().parameters()) {
      var memory = weights.device().read(weights.of(p));
      var parts = parts(weights.model(), p);
      if (parts.isEmpty()) {
        tensors.add(tensor(p.name(), memory, precision, dims(p)));
      }
      long offset = 0;
      for (var part : parts) {
        var dims = partDims(p, part);
        long bytes = 4;
        for (long d : dims) {
          bytes *= d;
        }
        tensors.add(tensor(part.name, memory.asSlice(offset, bytes), precision, dims));
        offset += bytes;
      }
    }
    return tensors;
  }

  private static TensorToWrite tensor(
      String name, java.lang.foreign.MemorySegment memory, Precision precision, long[] dims) {
    return precision == Precision.BF16
        ? TensorToWrite.bf16(name, memory, dims)
        : TensorToWrite.f32(name, memory, dims);
  }

  private static long[] dims(Parameter p) {
    return p.shape().dims().stream().mapToLong(Integer::longValue).toArray();
  }

  private static long[] partDims(Parameter p, Part part) {
    return p.shape().rank() == 1
        ? new long[] {part.rows}
        : new long[] {part.rows, p.shape().last()};
  }

  /** How a fixed-depth model's parameter is stored; empty when under its own name. */
  private static List<Part> parts(Model model, Parameter p) {
    if (!(model.config() instanceof BaseConfig config)) {
      return List.of();
    }
    var name = p.name();
    int rows = p.shape().dim(0);
    switch (name) {
      case "transformer.wte.weight" -> {
        return List.of(new Part("model.embed_tokens.weight", rows));
      }
      case "transformer.ln_f.weight" -> {
        return List.of(new Part("model.norm.weight", rows));
      }
      case "lm_head.weight" -> {
        return List.of(new Part(name, rows));
      }
      default -> {}
    }
    var rest = name.substring("transformer.layers.".length());
    int dot = rest.indexOf('.');
    var path = "model.layers." + rest.substring(0, dot) + ".";
    var kind = rest.substring(dot + 1);
    var block = config.block();
    boolean olmo = block.kind() == BlockKind.OLMO2;
    return switch (kind) {
      case "attn.Wqkv.weight" ->
          List.of(
              new Part(path + "self_attn.q_proj.weight", block.queryWidth()),
              new Part(path + "self_attn.k_proj.weight", block.kvWidth()),
              new Part(path + "self_attn.v_proj.weight", block.kvWidth()));
      case "attn.proj.weight" -> List.of(new Part(path + "self_attn.o_proj.weight", rows));
      case "attn.q_norm.weight" -> List.of(new Part(path + "self_attn.q_norm.weight", rows));
      case "attn.k_norm.weight" -> List.of(new Part(path + "self_attn.k_norm.weight", rows));
      case "mlp.fc.weight" ->
          List.of(
              new Part(path + "mlp.gate_proj.weight", block.hidden()),
              new Part(path + "mlp.up_proj.weight", block.hidden()));
      case "mlp.proj.weight" -> List.of(new Part(path + "mlp.down_proj.weight", rows));
      case "norm_1.weight" ->
          List.of(
              new Part(
                  path + (olmo ? "post_attention_layernorm" : "input_layernorm") + ".weight",
                  rows));
      case "norm_2.weight" ->
          List.of(
              new Part(
                  path
                      + (olmo ? "post_feedforward_layernorm" : "post_attention_layernorm")
                      + ".weight",
                  rows));
      default -> throw new IllegalStateException("no file name for " + name);
    };
  }
}

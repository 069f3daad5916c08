package rondo.nn.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The weighted average of the weights of several checkpoints of one model, summed in f64 and read
 * piece by piece: no whole tensor is in memory. The published {@code huginn_swa_75_7_ema_0.9} is
 * such a one, of 75 checkpoints, each the seventh, with the weights of {@link #exponential}.
 */
public final class CheckpointAverage {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private CheckpointAverage() {}

  /** Equal weights. */
  public static double[] uniform(int count) {
    var weights = new double[count];
    Arrays.fill(weights, 1.0 / count);
    return weights;
  }

  /**
   * The weights of an exponential moving average that begins with the first checkpoint: e ← β·e +
   * (1 − β)·x for each that follows.
   *
   * @param decay β, 0 to 1
   */
  public static double[] exponential(int count, double decay) {
    var weights = new double[count];
    double left = 1;
    for (int i = count - 1; i > 0; i--) {
      weights[i] = left * (1 - decay);
      left *= decay;
    }
    weights[0] = left;
    return weights;
  }

  /**
   * Writes {@code config.json} and {@code model.safetensors} of the average.
   *
   * @param folders model folders of the same shapes; the first one's configuration is written
   * @param weights one for each, used as they are
   * @param bfloat16 whether elements are rounded to bf16; else they are f32
   * @return names of tensors that were left out, being no floating-point numbers
   * @throws CheckpointException when a folder lacks a tensor of the first, or has another shape
   */
  public static List<String> write(
      List<Path> folders, double[] weights, Path out, boolean bfloat16) {
    if (folders.isEmpty() || folders.size() != weights.length) {
      throw new IllegalArgumentException(
          "average: %d folders and %d weights".formatted(folders.size(), weights.length));
    }
    var open = new ArrayList<CheckpointFolder>();
    try {
      for (var folder : folders) {
        open.add(CheckpointFolder.open(folder));
      }
      var first = open.getFirst();
      var config = first.config();
      var tensors = new ArrayList<TensorToWrite>();
      var leftOut = new ArrayList<String>();
      for (var name : first.names()) {
        var stored = stored(open, name);
        if (stored.stream().allMatch(tensor -> Conversions.isFloat(tensor.type()))) {
          long[] shape = stored.getFirst().shape();
          var values = new Sum(stored, weights);
          tensors.add(
              bfloat16
                  ? TensorToWrite.bf16(name, values, shape)
                  : TensorToWrite.f32(name, values, shape));
        } else {
          leftOut.add(name);
        }
      }
      SafetensorsWriter.write(out.resolve(CheckpointFolder.WEIGHTS), tensors);
      ConfigWriter.write(
          out.resolve(CheckpointFolder.CONFIG),
          config.withDtype(bfloat16 ? "bfloat16" : "float32"));
      return leftOut;
    } finally {
      open.forEach(CheckpointFolder::close);
    }
  }

  /** The tensor of that name in each folder. */
  private static List<StoredTensor> stored(List<CheckpointFolder> folders, String name) {
    var first = folders.getFirst().find(name);
    if (first == null) {
      throw new IllegalStateException(name);
    }
    return folders.stream().map(folder -> folder.require(name, first.shape())).toList();
  }

  /**
   * The values of one averaged tensor; a piece of each checkpoint is read to where it is wanted.
   */
  private static final class Sum implements TensorToWrite.Values {
    private final List<StoredTensor> stored;
    private final double[] weights;

    Sum(List<StoredTensor> stored, double[] weights) {
      this.stored = stored;
      this.weights = weights;
    }

    @Override
    public void copyTo(long firstElement, MemorySegment to) {
      int count = Math.toIntExact(to.byteSize() / Float.BYTES);
      var sums = new double[count];
      for (int k = 0; k < weights.length; k++) {
        stored.get(k).copyRange(firstElement, count, to);
        for (int i = 0; i < count; i++) {
          sums[i] += weights[k] * to.getAtIndex(FLOAT, i);
        }
      }
      for (int i = 0; i < count; i++) {
        to.setAtIndex(FLOAT, i, (float) sums[i]);
      }
    }
  }
}

package rondo.engine.plain;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.NativeException;

/** One run of a sample: its random inputs, its guarded memory, its comparisons. */
final class Trial {
  static final int F32 = 0;
  static final int BF16 = 1;
  static final int I32 = 2;
  static final int I64 = 3;

  static final MemorySegment NONE = MemorySegment.NULL;

  /** What an output of zeros only is measured against. */
  private static final double FLOOR = 1e-2;

  private static final int GUARD = 64;
  private static final byte CANARY = (byte) 0xA5;

  private final String name;
  private final long seed;
  private final OperationSamples.Target target;
  private final Arena host;
  private final int shift;
  private final Random random;
  private final List<Buffer> buffers = new ArrayList<>();

  /** Guarded memory of one operand; {@code initial} is its content before the call. */
  private record Buffer(
      MemorySegment base, MemorySegment memory, int before, ByteBuffer initial, boolean constant) {
    int size() {
      return initial.capacity();
    }
  }

  Trial(String name, long seed, OperationSamples.Target target, Arena host, int shift) {
    this.name = name;
    this.seed = seed;
    this.target = target;
    this.host = host;
    this.shift = shift;
    this.random = new Random(seed * 31 + name.hashCode());
  }

  Functions on() {
    return target.functions();
  }

  // ---- inputs: doubles that the element type holds exactly

  /** Normal values that f32 holds exactly. */
  double[] normal(int count) {
    return normal(count, 1);
  }

  double[] normal(int count, double std) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (std * random.nextGaussian());
    }
    return values;
  }

  /** Normal values that the type holds exactly. */
  double[] normalOf(int type, int count) {
    double[] values = normal(count);
    if (type == BF16) {
      for (int i = 0; i < count; i++) {
        values[i] = nearestBf16((float) values[i]);
      }
    }
    return values;
  }

  double[] positive(int count) {
    double[] values = normal(count);
    for (int i = 0; i < count; i++) {
      values[i] = Math.abs(values[i]) + 1e-3f;
      values[i] = (float) values[i];
    }
    return values;
  }

  int[] below(int bound, int count) {
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(bound);
    }
    return values;
  }

  // ---- memory

  /** A constant input. */
  MemorySegment input(double[] values) {
    return input(values, F32);
  }

  MemorySegment input(double[] values, int type) {
    return place(encode(values, type), size(type), true);
  }

  MemorySegment input(int... values) {
    double[] same = Arrays.stream(values).asDoubleStream().toArray();
    return place(encode(same, I32), size(I32), true);
  }

  MemorySegment input(long[] values) {
    ByteBuffer bytes = bytes(new byte[values.length * Long.BYTES]);
    for (long value : values) {
      bytes.putLong(value);
    }
    return place(bytes, size(I64), true);
  }

  /** Memory that is read and written. */
  MemorySegment state(double[] values) {
    return state(values, F32);
  }

  MemorySegment state(double[] values, int type) {
    return place(encode(values, type), size(type), false);
  }

  /** Memory to be written, full of NaN before. */
  MemorySegment output(int count) {
    return output(count, F32);
  }

  MemorySegment output(int count, int type) {
    double[] values = new double[count];
    Arrays.fill(values, Double.NaN);
    return state(values, type);
  }

  private MemorySegment place(ByteBuffer content, int elementSize, boolean constant) {
    int before = GUARD + shift * elementSize;
    int size = content.capacity();
    int total = before + size + GUARD;
    MemorySegment base = target.allocate(total);
    MemorySegment memory =
        base.byteSize() == 0
            ? MemorySegment.ofAddress(base.address() + before)
            : base.asSlice(before, size);
    byte[] all = new byte[total];
    Arrays.fill(all, CANARY);
    content.get(0, all, before, size);
    MemorySegment staged = host.allocate(total, 64);
    MemorySegment.copy(all, 0, staged, ValueLayout.JAVA_BYTE, 0, total);
    on().copy(staged, base, total);
    buffers.add(new Buffer(base, memory, before, content, constant));
    return memory;
  }

  private byte[] fetch(Buffer buffer) {
    int total = buffer.before + buffer.size() + GUARD;
    MemorySegment staged = host.allocate(total, 64);
    on().copy(buffer.base, staged, total);
    target.synchronize();
    return staged.toArray(ValueLayout.JAVA_BYTE);
  }

  private Buffer find(MemorySegment memory) {
    for (Buffer buffer : buffers) {
      if (buffer.memory.address() == memory.address()) {
        return buffer;
      }
    }
    throw new AssertionError("not a buffer of this trial");
  }

  double[] values(MemorySegment memory, int type) {
    Buffer buffer = find(memory);
    byte[] all = fetch(buffer);
    byte[] content = Arrays.copyOfRange(all, buffer.before, buffer.before + buffer.size());
    return decode(content, type);
  }

  // ---- comparisons

  void expect(String what, MemorySegment memory, double[] expected, double tolerance) {
    expect(what, memory, F32, expected, tolerance);
  }

  /**
   * Each element within {@code tolerance * (|expected| + rms of the output + FLOOR)}, which is how
   * rounding of sums behaves; an expected NaN marks an element that must not be written.
   */
  void expect(String what, MemorySegment memory, int type, double[] expected, double tolerance) {
    double[] actual = values(memory, type);
    if (actual.length != expected.length) {
      fail(name + ": " + what + " has " + actual.length + ", expected " + expected.length);
    }
    double squares = 0;
    int finite = 0;
    for (double value : expected) {
      if (Double.isFinite(value)) {
        squares += value * value;
        finite++;
      }
    }
    double rms = Math.sqrt(squares / Math.max(1, finite));
    for (int i = 0; i < expected.length; i++) {
      double allowed = tolerance * (Math.abs(expected[i]) + rms + FLOOR);
      boolean same =
          Double.compare(actual[i], expected[i]) == 0
              || Math.abs(actual[i] - expected[i]) <= allowed;
      if (!same) {
        fail(
            name
                + (shift == 0 ? "" : ", in views")
                + ": "
                + what
                + "["
                + i
                + "] = "
                + actual[i]
                + ", expected "
                + expected[i]
                + " within "
                + allowed
                + " (seed "
                + seed
                + ")");
      }
    }
  }

  /** The call must refuse its arguments with a one-line reason. */
  void expectRefusal(Runnable call) {
    RuntimeException refusal =
        assertThrows(
            RuntimeException.class,
            () -> {
              call.run();
              target.synchronize();
            },
            name);
    assertTrue(
        refusal instanceof IllegalArgumentException || refusal instanceof NativeException,
        () -> name + ": refused by " + refusal);
    String reason = String.valueOf(refusal.getMessage());
    assertTrue(!reason.isBlank() && reason.lines().count() == 1, () -> name + ": " + reason);
  }

  /** Nothing but the outputs has changed. */
  void finish() {
    for (int b = 0; b < buffers.size(); b++) {
      Buffer buffer = buffers.get(b);
      byte[] all = fetch(buffer);
      int end = buffer.before + buffer.size();
      for (int i = 0; i < all.length; i++) {
        boolean inside = i >= buffer.before && i < end;
        byte expected = inside ? buffer.initial.get(i - buffer.before) : CANARY;
        if ((!inside || buffer.constant) && all[i] != expected) {
          fail(
              name
                  + (inside ? ": changed its constant operand " : ": wrote outside operand ")
                  + b
                  + " at byte "
                  + (i - buffer.before)
                  + " of "
                  + buffer.size());
        }
      }
    }
  }

  // ---- numbers

  private static final double STEP = 1e-5;

  /** The gradient of a scalar function of an array by central differences. */
  static double[] differences(double[] at, ToDoubleFunction<double[]> function) {
    double[] gradient = new double[at.length];
    double[] moved = at.clone();
    for (int i = 0; i < at.length; i++) {
      moved[i] = at[i] + STEP;
      double above = function.applyAsDouble(moved);
      moved[i] = at[i] - STEP;
      double below = function.applyAsDouble(moved);
      moved[i] = at[i];
      gradient[i] = (above - below) / (2 * STEP);
    }
    return gradient;
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  static double[] plus(double[] a, double[] b) {
    double[] sum = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      sum[i] = a[i] + b[i];
    }
    return sum;
  }

  static double[] times(double factor, double[] a) {
    return Arrays.stream(a).map(value -> factor * value).toArray();
  }

  static double[] rounded(double[] a) {
    return Arrays.stream(a).map(value -> (float) value).toArray();
  }

  /** The bf16 value nearest to a number, ties to the even one, by comparing both neighbours. */
  static double nearestBf16(float value) {
    if (Float.isNaN(value) || Float.isInfinite(value)) {
      return value;
    }
    int low = Float.floatToRawIntBits(value) & 0xffff0000;
    double towardsZero = Float.intBitsToFloat(low);
    float next = Float.intBitsToFloat(low + 0x10000);
    double away = Float.isInfinite(next) ? Math.copySign(0x1p128, value) : next;
    double down = Math.abs(value - towardsZero);
    double up = Math.abs(away - value);
    boolean even = (low >>> 16) % 2 == 0;
    return down < up || (down == up && even) ? towardsZero : next;
  }

  private static int size(int type) {
    return type == BF16 ? 2 : type == I64 ? 8 : 4;
  }

  private static ByteBuffer bytes(byte[] content) {
    return ByteBuffer.wrap(content).order(ByteOrder.nativeOrder());
  }

  private static ByteBuffer encode(double[] values, int type) {
    ByteBuffer bytes = bytes(new byte[values.length * size(type)]);
    for (double value : values) {
      switch (type) {
        case F32 -> bytes.putFloat((float) value);
        case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits((float) value) >>> 16));
        case I32 -> bytes.putInt((int) value);
        default -> throw new AssertionError("type " + type);
      }
    }
    return bytes;
  }

  private static double[] decode(byte[] content, int type) {
    ByteBuffer bytes = bytes(content);
    double[] values = new double[content.length / size(type)];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (type) {
            case F32 -> bytes.getFloat();
            case BF16 -> Float.intBitsToFloat(bytes.getShort() << 16);
            default -> throw new AssertionError("type " + type);
          };
    }
    return values;
  }
}

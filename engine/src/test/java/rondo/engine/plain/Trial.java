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
  static final int I8 = 4;
  static final int E4M3 = 5;

  static final MemorySegment NONE = MemorySegment.NULL;

  /** What an output of zeros only is measured against. */
  private static final double FLOOR = 1e-2;

  private static final int GUARD = 64;
  private static final byte CANARY = (byte) 0xA5;

  private final String name;
  private final long seed;
  private final Functions functions;
  private final Arena arena;
  private final int type;
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

  /**
   * @param arena of all memory, of the device and of the host
   * @param type of the activations
   * @param shift elements by which all memory is off its alignment
   */
  Trial(String name, long seed, Functions functions, Arena arena, int type, int shift) {
    this.name = name;
    this.seed = seed;
    this.functions = functions;
    this.arena = arena;
    this.type = type;
    this.shift = shift;
    this.random = new Random(seed * 31 + name.hashCode());
  }

  Functions on() {
    return functions;
  }

  /** Of the activations. */
  int type() {
    return type;
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
    return rounded(type, normal(count));
  }

  /** Normal values that the type of the activations holds exactly. */
  double[] activations(int count) {
    return activations(count, 1);
  }

  double[] activations(int count, double std) {
    return rounded(type, normal(count, std));
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

  /** Constant activations. */
  MemorySegment activation(double[] values) {
    return input(values, type);
  }

  /** Activations that are read and written. */
  MemorySegment changing(double[] values) {
    return state(values, type);
  }

  /** Activations to be written, full of NaN before. */
  MemorySegment result(int count) {
    return output(count, type);
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
    byte[] content = new byte[count * size(type)];
    Arrays.fill(content, (byte) 0xff);
    return place(bytes(content), size(type), false);
  }

  private MemorySegment place(ByteBuffer content, int elementSize, boolean constant) {
    int before = GUARD + shift * elementSize;
    int size = content.capacity();
    int total = before + size + GUARD;
    MemorySegment base = functions.allocate(total, arena);
    MemorySegment memory = base.asSlice(before, size);
    byte[] all = new byte[total];
    Arrays.fill(all, CANARY);
    content.get(0, all, before, size);
    MemorySegment staged = arena.allocate(total, 64);
    MemorySegment.copy(all, 0, staged, ValueLayout.JAVA_BYTE, 0, total);
    on().copy(staged, base, total);
    buffers.add(new Buffer(base, memory, before, content, constant));
    return memory;
  }

  private byte[] fetch(Buffer buffer) {
    int total = buffer.before + buffer.size() + GUARD;
    MemorySegment staged = arena.allocate(total, 64);
    on().copy(buffer.base, staged, total);
    functions.synchronize();
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
    expect(what, memory, type, expected, tolerance, tolerance);
  }

  /**
   * Activations that an operation rounds {@code roundings} times on their way, counting
   * intermediate activations that it stores or that its products take, such as probabilities. Each
   * changes a term of a result by at most 2^-9 of the term, and a result is of the size of its
   * terms, the output's rms, or itself. Everything else is done in f32, within {@code tolerance}.
   */
  void expectActivations(
      String what, MemorySegment memory, double[] expected, double tolerance, int roundings) {
    if (type == F32) {
      expect(what, memory, expected, tolerance);
    } else {
      double rest = tolerance + (roundings - 1) * 0x1p-8;
      expect(what, memory, BF16, expected, tolerance + roundings * 0x1p-8, rest);
    }
  }

  /** Activations that are computed in f32 and then rounded. */
  void expectActivations(String what, MemorySegment memory, double[] expected, double tolerance) {
    expectActivations(what, memory, expected, tolerance, 1);
  }

  /**
   * f32 sums of products of activations that were rounded {@code roundings} times on their way; see
   * {@link #expectActivations}.
   */
  void expectSums(
      String what, MemorySegment memory, double[] expected, double tolerance, int roundings) {
    expect(what, memory, expected, type == F32 ? tolerance : tolerance + roundings * 0x1p-8);
  }

  private void expect(
      String what,
      MemorySegment memory,
      int type,
      double[] expected,
      double ofItself,
      double ofAll) {
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
      double allowed = ofItself * Math.abs(expected[i]) + ofAll * (rms + FLOOR);
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
              functions.synchronize();
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

  /** As memory of a type holds it. */
  static double[] rounded(int type, double[] a) {
    return type == BF16
        ? Arrays.stream(a).map(value -> nearestBf16((float) value)).toArray()
        : rounded(a);
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
    return switch (type) {
      case I8, E4M3 -> 1;
      case BF16 -> 2;
      case I64 -> 8;
      default -> 4;
    };
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
        case I8, E4M3 -> bytes.put((byte) value);
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
            case I64 -> bytes.getLong();
            case I8, E4M3 -> bytes.get();
            default -> throw new AssertionError("type " + type);
          };
    }
    return values;
  }
}

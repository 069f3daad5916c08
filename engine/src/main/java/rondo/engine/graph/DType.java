package rondo.engine.graph;

/** How one element is stored; {@link #code} is its number in {@code rondo.h}. */
public enum DType {
  F32(0, 4),
  BF16(1, 2),
  I32(2, 4),
  I64(3, 8),
  I8(4, 1),
  E4M3(5, 1);

  private final int code;
  private final int bytes;

  DType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  public int bytes() {
    return bytes;
  }

  public int code() {
    return code;
  }

  /** What activations are of. */
  public boolean isFloat() {
    return this == F32 || this == BF16;
  }

  /** What weights of 8 bits are of. */
  boolean isQuantized() {
    return this == I8 || this == E4M3;
  }

  @Override
  public String toString() {
    return switch (this) {
      case F32 -> "f32";
      case BF16 -> "bf16";
      case I32 -> "i32";
      case I64 -> "i64";
      case I8 -> "i8";
      case E4M3 -> "e4m3";
    };
  }
}

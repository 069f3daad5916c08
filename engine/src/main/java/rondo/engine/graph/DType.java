package rondo.engine.graph;

/** How one element is stored; {@link #code} is its number in {@code rondo.h}. */
public enum DType {
  F32(0, 4),
  BF16(1, 2),
  I32(2, 4),
  I64(3, 8);

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

  boolean isFloat() {
    return this == F32 || this == BF16;
  }

  @Override
  public String toString() {
    return switch (this) {
      case F32 -> "f32";
      case BF16 -> "bf16";
      case I32 -> "i32";
      case I64 -> "i64";
    };
  }
}

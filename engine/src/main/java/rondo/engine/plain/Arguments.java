package rondo.engine.plain;

import java.lang.foreign.MemorySegment;

/** The refusals of {@code rondo.h}: one line each, with the function, the fault and the remedy. */
final class Arguments {
  private Arguments() {}

  /** Whether a pointer marked "or null" is wanted. */
  static boolean given(MemorySegment pointer) {
    return !(pointer.isNative() && pointer.address() == 0);
  }

  static IllegalArgumentException refused(String function, String found, String expected) {
    return new IllegalArgumentException(function + ": " + found + ", expected " + expected);
  }

  static void extents(String function, long... extents) {
    for (long extent : extents) {
      if (extent < 0) {
        throw refused(function, "extent " + extent, "0 or more");
      }
    }
  }

  static void heads(String function, long heads, long kvHeads, long headDim) {
    if (heads < 1 || kvHeads < 1 || headDim < 1 || heads % kvHeads != 0) {
      throw refused(
          function,
          "heads " + heads + ", kv_heads " + kvHeads + ", head_dim " + headDim,
          "positive values with heads a multiple of kv_heads");
    }
  }

  /** Of the activations. */
  static void type(String function, int type) {
    floatType(function, "type", type);
  }

  static void quantizedType(String function, int type) {
    if (type != Rows.I8 && type != Rows.E4M3) {
      throw refused(function, "q_type " + type, "RONDO_I8 (4) or RONDO_E4M3 (5)");
    }
  }

  static void floatType(String function, String name, int type) {
    if (type != Rows.F32 && type != Rows.BF16) {
      throw refused(function, name + " " + type, "RONDO_F32 (0) or RONDO_BF16 (1)");
    }
  }
}

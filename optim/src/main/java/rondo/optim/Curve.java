package rondo.optim;

/** How a ramp from 0 to 1 rises over its fraction y in [0, 1]. */
public enum Curve {
  /** y. */
  LINEAR,
  /** 1 − √(1 − y): slow start, fast end. */
  ONE_MINUS_SQRT,
  /** ½(1 − cos πy). */
  COSINE,
  /** Already 1. */
  CONSTANT;

  public double at(double y) {
    return switch (this) {
      case LINEAR -> y;
      case ONE_MINUS_SQRT -> 1 - Math.sqrt(1 - y);
      case COSINE -> 0.5 * (1 - Math.cos(Math.PI * y));
      case CONSTANT -> 1;
    };
  }
}

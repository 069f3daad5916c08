package rondo.train.study;

/**
 * One problem.
 *
 * @param tokens what the model reads
 * @param answers what it should say after reading each token; {@link #NONE} where nothing is asked
 */
public record Problem(int[] tokens, int[] answers) {
  /** The target that does not count. */
  public static final int NONE = -100;
}

package rondo.train.study;

/**
 * One problem.
 *
 * @param tokens what the model reads
 * @param answers what it should say after reading each token; {@link #NONE} where nothing is asked
 */
@SuppressWarnings("ArrayRecordComponent") // Copied to a device as they are; never compared.
public record Problem(int[] tokens, int[] answers) {
  /** The target that does not count. */
  public static final int NONE = -100;
}

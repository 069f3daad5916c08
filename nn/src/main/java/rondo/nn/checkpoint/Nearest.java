package rondo.nn.checkpoint;

import java.util.Collection;
import org.jspecify.annotations.Nullable;

/** The known name nearest to a mistaken one, by edit distance. */
public final class Nearest {
  /** Longer names come from damaged files only, and the distance is quadratic. */
  private static final int LONGEST = 256;

  private Nearest() {}

  /** The end of a message about a name that is not there. */
  static String hint(String wanted, Collection<String> known) {
    String nearest = name(wanted, known);
    return nearest == null ? "" : "; the nearest name is '" + nearest + "'";
  }

  /** The nearest name if it is near enough for a slip of the pen, or null. */
  public static @Nullable String slip(String wanted, Collection<String> known) {
    String nearest = name(wanted, known);
    boolean near = nearest != null && distance(wanted, nearest) <= Math.max(2, wanted.length() / 2);
    return near ? nearest : null;
  }

  static @Nullable String name(String wanted, Collection<String> known) {
    String best = null;
    int bestDistance = Integer.MAX_VALUE;
    for (String name : known) {
      if (name.length() <= LONGEST && wanted.length() <= LONGEST) {
        int distance = distance(wanted, name);
        if (distance < bestDistance) {
          bestDistance = distance;
          best = name;
        }
      }
    }
    return best;
  }

  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}

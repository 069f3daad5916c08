package rondo.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OwnedTest {
  @Test
  void whatWasTakenIsGivenBackOnceInTheReverseOrder() {
    var closed = new ArrayList<String>();
    var owned = new Owned();
    owned.add(() -> closed.add("first"));
    owned.add(() -> closed.add("second"));
    owned.close();
    owned.close();
    assertEquals(List.of("second", "first"), closed);
  }
}

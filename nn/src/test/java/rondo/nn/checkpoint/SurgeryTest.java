package rondo.nn.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class SurgeryTest {
  private static void assertFault(String prelude, String core, String coda, String part) {
    String message =
        String.valueOf(
            assertThrows(
                    IllegalArgumentException.class, () -> Surgery.parse(prelude, core, coda, 22))
                .getMessage());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.contains(part), "'" + message + "' lacks '" + part + "'");
  }

  @Test
  void rangesAndListsAreRead() {
    assertEquals(
        new Surgery(List.of(0, 1), List.of(5, 6, 7, 10), List.of(21)),
        Surgery.parse("0,1", " 5-7, 10", "21-21", 22));
    assertEquals(List.of(4, 5, 6, 7, 8, 9), Surgery.parse("0-3", "10-17", "18-21", 22).dropped(22));
  }

  @Test
  void whatIsNotALayerIsNamed() {
    assertFault("0-x", "1", "2", "prelude '0-x': 'x' is not a layer");
    assertFault("0", "", "2", "core '': '' is not a layer; expected ranges or lists");
    assertFault("0", "1", "2,", "coda '2,': '' is not a layer");
    assertFault("0", "-1", "2", "core '-1': '' is not a layer");
    assertFault("0", "1--3", "2", "'-3' is not a layer");
    assertFault("0", "1.5", "2", "'1.5' is not a layer");
    assertFault("0", "9999999999", "2", "is not a layer");
  }

  @Test
  void layersMustExistIncreaseAndBeTakenOnce() {
    assertFault("0", "1", "22", "coda '22': layer 22, expected 0 to 21: the model has 22 layers");
    assertFault("0", "1-999999999", "21", "layer 999999999, expected 0 to 21");
    assertFault("0", "3-2", "21", "core '3-2': the range 3-2 runs backwards");
    assertFault("1,0", "2", "21", "prelude [1, 0]: expected layers from 0 on in increasing order");
    assertFault("0", "2,2", "21", "core [2, 2]: expected");
    assertFault("0-3", "3-5", "21", "core [3, 4, 5]: layer 3 is in an earlier part");
    assertThrows(
        IllegalArgumentException.class, () -> new Surgery(List.of(), List.of(1), List.of(2)));
    Surgery surgery = new Surgery(List.of(0), List.of(1), List.of(16));
    assertThrows(IllegalArgumentException.class, () -> surgery.within(16));
    assertEquals(surgery, surgery.within(17));
  }

  @Test
  void knownModelsHaveThePapersLayers() {
    BaseConfig tinyllama = (BaseConfig) Published.named("tinyllama").config();
    assertEquals(Surgery.parse("0-3", "10-17", "18-21", 22), Published.surgeryOf(tinyllama));
    BaseConfig llama = (BaseConfig) Published.named("llama3.2").config();
    assertEquals(Surgery.parse("0-3", "6-11", "12-15", 16), Published.surgeryOf(llama));
    BaseConfig olmo = (BaseConfig) Published.named("olmo2").config();
    assertEquals(Surgery.parse("0-3", "6-11", "12-15", 16), Published.surgeryOf(olmo));
    BaseConfig other =
        new BaseConfig(olmo.block(), 17, 100352, 4096, false, TokenIds.NONE, "float32");
    assertNull(Published.surgeryOf(other));
  }

  @Test
  void anUnknownPresetIsToldTheNearest() {
    String message =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> Published.named("tinylama"))
                .getMessage());
    assertTrue(message.contains("the nearest is 'tinyllama'"), message);
  }
}

package rondo.engine.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.TestDevices;
import rondo.engine.graph.TensorType;

/** Regions, the buffers cut from them, and views of buffers. */
class BufferTest {
  private static void assertRefused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"plain", "cpu", "emulated"})
  void aRegionIsZeroCutInOrderAndAligned(String on) {
    try (var device = TestDevices.open(on);
        var region = device.allocate("state", 256 + 12)) {
      var first = region.next(TensorType.f32(5));
      var second = region.next(TensorType.f32(3));
      assertArrayEquals(new float[5], device.floats(first));
      device.write(first, 1f, 2, 3, 4, 5);
      device.write(second, 6f, 7, 8);
      assertArrayEquals(new float[] {1, 2, 3, 4, 5}, device.floats(first));
      assertArrayEquals(new float[] {6, 7, 8}, device.floats(second));
      assertEquals(0, first.pointer().address() % 64);
      assertEquals(256, second.pointer().address() - first.pointer().address());
      var e = assertThrows(IllegalStateException.class, () -> region.next(TensorType.f32(1)));
      assertEquals("region state: f32[1] at 512 exceeds its 268 bytes", e.getMessage());
      device.zero(first);
      assertArrayEquals(new float[5], device.floats(first));
    }
  }

  @Test
  void memoryOfAGpuIsOutOfJavasReach() {
    try (var device = TestDevices.open("emulated");
        var region = device.allocate("state", 256)) {
      var buffer = region.next(TensorType.f32(2, 2));
      var e = assertThrows(IllegalStateException.class, buffer::memory);
      assertEquals(
          "the memory of f32[2×2] is a GPU's: read and fill it through its device", e.getMessage());
      device.fill(buffer, memory -> memory.setAtIndex(ValueLayout.JAVA_FLOAT, 3, 5));
      assertEquals(5, device.scalar(buffer, 3));
      assertEquals(5, device.read(buffer).getAtIndex(ValueLayout.JAVA_FLOAT, 3));
    }
  }

  @Test
  void aBufferDiesWithItsRegion() {
    try (var device = Device.plain()) {
      var region = device.allocate("state", 256);
      var buffer = region.next(TensorType.f32(5));
      region.close();
      assertThrows(IllegalStateException.class, () -> device.floats(buffer));
      assertThrows(IllegalStateException.class, () -> device.write(buffer, 1f, 2, 3, 4, 5));
    }
  }

  @Test
  void columnsAreAViewOfTheSameMemory() {
    try (var device = Device.plain();
        var region = device.allocate("state", 1024)) {
      var all = region.next(TensorType.f32(2, 6));
      var view = all.columns(2, 3);
      assertEquals(TensorType.f32(2, 3), view.type());
      assertEquals(6, view.stride());
      assertTrue(!view.isDense() && all.isDense());
      assertEquals(8, view.memory().address() - all.memory().address());
      assertRefused("buffer: columns 4 to 6 of f32[2×6]", () -> all.columns(4, 3));
      assertRefused("buffer: columns -1 to 1 of f32[2×6]", () -> all.columns(-1, 3));
      assertRefused("a view of f32[2×3] cannot be copied or zeroed", () -> device.floats(view));
      device.write(all, 1f, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
      assertRefused("a view of f32[2×3] cannot be copied or zeroed", () -> device.zero(view));
      assertEquals(12, device.scalar(all, 11));
      assertRefused("f32[2×6] has no f32 element 12", () -> device.scalar(all, 12));
      assertRefused("f32[2×3] has no f32 element 0", () -> device.scalar(view, 0));
      assertRefused("buffer: f32[2×3] cannot be seen as [6]", () -> view.as(6));
      assertRefused("buffer: a view of f32[2×3] cannot be sliced", () -> view.slice(0, 2));
      assertRefused("buffer: f32[2×6] cannot be seen as [5]", () -> all.as(5));
      assertEquals(TensorType.f32(3, 4), all.as(3, 4).type());
    }
  }

  @Test
  void aSliceIsADenseRun() {
    try (var device = Device.plain();
        var region = device.allocate("state", 1024)) {
      var all = region.next(TensorType.f32(2, 4));
      device.write(all, 0f, 1, 2, 3, 4, 5, 6, 7);
      assertArrayEquals(new float[] {3, 4, 5}, device.floats(all.slice(3, 3)));
      assertThrows(IndexOutOfBoundsException.class, () -> all.slice(6, 3));
    }
  }

  @Test
  void copyTakesBuffersOfOneType() {
    try (var device = Device.plain();
        var region = device.allocate("state", 1024)) {
      var from = region.next(TensorType.f32(2, 4));
      var to = region.next(TensorType.f32(2, 4));
      device.write(from, 0f, 1, 2, 3, 4, 5, 6, 7);
      device.copy(from, to);
      assertArrayEquals(device.floats(from), device.floats(to));
      assertRefused("copy: f32[2×4] to f32[8]", () -> device.copy(from, to.as(8)));
    }
  }

  @Test
  void devicesThatCannotBeOpenedSayWhy() {
    var e = assertThrows(IllegalArgumentException.class, () -> Devices.open("tpu", 1));
    assertEquals("device \"tpu\": expected auto, cpu, plain, cuda:N or emulated", e.getMessage());
    assertTrue(Devices.list().stream().anyMatch(r -> r.name().equals("plain") && r.usable()));
    for (var report : Devices.list()) {
      if (!report.usable()) {
        var why = assertThrows(IllegalStateException.class, () -> Devices.open(report.name(), 1));
        assertEquals(1, String.valueOf(why.getMessage()).lines().count(), why.getMessage());
      }
    }
    try (var device = Devices.open("auto", 1)) {
      assertTrue(List.of("cuda", "cpu", "plain").contains(device.name()), device.name());
      assertEquals(
          Devices.list().stream().takeWhile(r -> !r.name().equals(device.name())).toList(),
          device.passedOver());
    }
    try (var device = Devices.open("plain", 1)) {
      assertEquals(List.of(), device.passedOver(), "nothing was left to choose");
    }
  }

  @ParameterizedTest(name = "on {0}")
  @ValueSource(strings = {"auto", "cpu", "plain"})
  void threadsOutOfRangeAreRefused(String on) {
    for (int threads : new int[] {-1, 257, 1000}) {
      assertRefused(
          "threads " + threads + ": expected 1 to 256, or 0 for one per processor",
          () -> Devices.open(on, threads));
    }
  }
}

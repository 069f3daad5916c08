package rondo.engine.device;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import rondo.engine.TestDevices;
import rondo.engine.graph.DType;
import rondo.engine.graph.TensorType;
import rondo.engine.nativelib.Functions;
import rondo.engine.plain.PlainFunctions;

/** Memory that runs out, and the memory through which values reach a GPU. */
class DeviceMemoryTest {
  /** The emulator's memory, which it asks the environment for at every allocation. */
  private static void limit(String bytes) throws Throwable {
    var linker = Linker.nativeLinker();
    var setenv =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("setenv"),
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
    try (var arena = Arena.ofConfined()) {
      var name = arena.allocateFrom("RONDO_EMULATED_MEMORY");
      int code = (int) setenv.invokeExact(name, arena.allocateFrom(bytes), 1);
      assertEquals(0, code);
    }
  }

  @Test
  void memoryThatRunsOutIsAccountedForInOneLine() throws Throwable {
    long all = 256L << 20;
    try (var device = TestDevices.openExactly("emulated")) { // no GPU lets itself be limited
      limit(String.valueOf(all));
      try (var weights = device.allocate("weights", 100 << 20);
          var state = device.allocate("state", 3 << 20)) {
        device.allocate("gone", 50 << 20).close();
        var e =
            assertThrows(
                OutOfDeviceMemoryException.class, () -> device.allocate("workspace", 200L << 20));
        var message = String.valueOf(e.getMessage());
        assertEquals(1, message.lines().count(), message);
        assertTrue(
            message.startsWith("emulated: 200.00 MiB wanted for region \"workspace\", "), message);
        assertTrue(message.contains(" of 256.00 MiB free; "), message);
        assertTrue(
            message.contains("; allocated here: weights 100.00 MiB, state 3.00 MiB; "), message);
        assertTrue(message.endsWith("or another device"), message);
        // What is left can still be had, and what was allocated is whole.
        device.allocate("smaller", 100 << 20).close();
        var buffer = weights.next(TensorType.f32(3));
        device.write(buffer, 1f, 2f, 3f);
        assertArrayEquals(new float[] {1, 2, 3}, device.floats(buffer));
        assertEquals(3 << 20, state.bytes());
      }
    } finally {
      limit(String.valueOf(4L << 30));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "cpu", "emulated", "cuda"})
  void manyValuesAreOnTheirWayAtOnce(String on) {
    try (var device = TestDevices.open(on);
        var memory = device.allocate("memory", 64 << 20)) {
      var buffers = new ArrayList<Buffer>();
      // More than the staging area holds before it grows, so that it is used again and again.
      for (int i = 0; i < 60; i++) {
        var floats = memory.next(TensorType.f32(1 + i * 1000));
        var values = new float[1 + i * 1000];
        Arrays.fill(values, i);
        device.write(floats, values);
        buffers.add(floats);
        if (i % 7 == 3) {
          assertEquals(i - 1, device.scalar(buffers.get(i - 1), 0));
        }
      }
      for (int i = 0; i < 60; i++) {
        for (float value : device.floats(buffers.get(i))) {
          assertEquals(i, value);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"emulated", "cuda"})
  void moreThanIsStagedAtOnceComesOverToo(String on) {
    int n = Math.toIntExact(Staging.MOST / 4 + 5);
    try (var device = TestDevices.open(on);
        var memory = device.allocate("memory", 4L * n)) {
      var buffer = memory.next(TensorType.f32(n));
      device.fill(
          buffer,
          bytes -> {
            bytes.setAtIndex(JAVA_FLOAT, 0, 1);
            bytes.setAtIndex(JAVA_FLOAT, n - 1, 2);
          });
      assertEquals(1, device.scalar(buffer, 0));
      assertEquals(2, device.floats(buffer)[n - 1]);
      assertEquals(2, device.read(buffer).getAtIndex(JAVA_FLOAT, n - 1));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"plain", "emulated", "cuda"})
  void valuesOfHalfTheSizeAreRoundedOnTheWay(String on) {
    try (var device = TestDevices.open(on);
        var memory = device.allocate("memory", 1024)) {
      var buffer = memory.next(TensorType.of(DType.BF16, 3));
      device.write(buffer, 1, 1 + 0x1p-8f, -1 - 0x3p-8f);
      assertArrayEquals(new float[] {1, 1, -1 - 0x1p-6f}, device.floats(buffer));
    }
  }

  @Test
  void noPieceOfTheStagingAreaIsTakenTwiceBeforeTheDeviceIsAwaited() {
    var awaited = new AtomicInteger();
    var plain = new PlainFunctions();
    var functions =
        (Functions)
            Proxy.newProxyInstance(
                DeviceMemoryTest.class.getClassLoader(),
                new Class<?>[] {Functions.class},
                (_, method, arguments) -> {
                  if (method.getName().equals("synchronize")) {
                    awaited.incrementAndGet();
                  }
                  return method.invoke(plain, arguments);
                });
    try (var staging = new Staging(functions)) {
      var pending = new ArrayList<MemorySegment>();
      for (int i = 0; i < 500; i++) {
        int before = awaited.get();
        var piece = staging.take(1 + i * 131L % 40_000);
        assertEquals(0, piece.address() % 64);
        if (awaited.get() > before) {
          pending.clear();
        }
        pending.forEach(p -> assertTrue(p.asOverlappingSlice(piece).isEmpty()));
        pending.add(piece);
      }
      assertTrue(awaited.get() > 2 && awaited.get() < 50, awaited::toString);
      staging.awaited();
      var first = staging.take(64);
      staging.awaited();
      assertEquals(first.address(), staging.take(64).address());
      assertEquals(Staging.MOST, staging.take(Staging.MOST).byteSize());
    }
  }
}

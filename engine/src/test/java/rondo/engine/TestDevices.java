package rondo.engine;

import static org.junit.jupiter.api.Assumptions.abort;

import rondo.engine.device.Device;
import rondo.engine.device.Devices;

/** The devices that tests run on. */
public final class TestDevices {
  private TestDevices() {}

  /** The device of that name on two threads; the test is skipped where it is not usable. */
  public static Device open(String name) {
    return openExactly(named(name));
  }

  /** As {@link #open}, the emulator itself where that is asked for. */
  public static Device openExactly(String name) {
    try {
      return Devices.open(name, 2);
    } catch (IllegalStateException e) {
      return abort(e.getMessage());
    }
  }

  /** -Drondo.gpu=cuda runs on a GPU what otherwise the emulator stands in for. */
  public static String named(String name) {
    return name.equals("emulated") ? System.getProperty("rondo.gpu", name) : name;
  }
}

package rondo.engine.device;

import java.util.List;
import java.util.stream.Collectors;
import rondo.engine.nativelib.Functions;
import rondo.engine.nativelib.NativeException;

/**
 * A device has not the memory for a region. The message is one line: the region and what it wants,
 * what is free, what else is allocated here, and the remedy.
 */
public final class OutOfDeviceMemoryException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  OutOfDeviceMemoryException(
      String device,
      String region,
      long wanted,
      Functions.Memory memory,
      List<Region> others,
      NativeException cause) {
    super(
        "%s: %s wanted for region \"%s\", %s of %s free; %s; take a smaller batch or keep: state, fewer tracked recurrences, or another device"
            .formatted(
                device,
                Sizes.text(wanted),
                region,
                Sizes.text(memory.unused()),
                Sizes.text(memory.total()),
                allocated(others)),
        cause);
  }

  private static String allocated(List<Region> others) {
    return others.isEmpty()
        ? "nothing else is allocated here"
        : others.stream()
            .map(r -> r.name() + " " + Sizes.text(r.bytes()))
            .collect(Collectors.joining(", ", "allocated here: ", ""));
  }
}

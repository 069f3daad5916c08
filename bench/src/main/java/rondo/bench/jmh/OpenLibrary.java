package rondo.bench.jmh;

import rondo.engine.nativelib.Library;
import rondo.engine.nativelib.NativeFile;

/** A device's library by the device's name: cuda, emulated or cpu. */
final class OpenLibrary {
  private OpenLibrary() {}

  static Library of(String device) {
    return Library.open(NativeFile.find("librondo_" + device + ".so"), 0, 1);
  }
}

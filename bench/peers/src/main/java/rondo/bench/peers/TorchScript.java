package rondo.bench.peers;

import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Methods in TorchScript as a module of libtorch: the way to operations that DJL does not name,
 * fused attention among them. The archive that libtorch loads is a zip of source text and two
 * pickles, here of a module without parameters.
 */
final class TorchScript {
  private TorchScript() {}

  /**
   * Loads methods.
   *
   * @param methods definitions, indented by two
   */
  static PtSymbolBlock load(PtNDManager manager, String methods) {
    var code =
        """
        class Peer(Module):
          __parameters__ = []
          __buffers__ = []
          training : bool
        """
            + methods;
    // protocol 2: __torch__.Peer.__new__() with state {training: False}
    var module = "\u0080\u0002c__torch__\nPeer\n)\u0081}X\b\0\0\0training\u0089sb.";
    var bytes = new ByteArrayOutputStream();
    try (var zip = new ZipOutputStream(bytes)) {
      put(zip, "version", "3\n");
      put(zip, "data.pkl", module);
      put(zip, "code/__torch__.py", code);
      put(zip, "constants.pkl", "\u0080\u0002).");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    try {
      return JniUtils.loadModule(
          manager, new ByteArrayInputStream(bytes.toByteArray()), false, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void put(ZipOutputStream zip, String name, String text) throws IOException {
    var bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    var crc = new CRC32();
    crc.update(bytes);
    var entry = new ZipEntry("peer/" + name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
    zip.closeEntry();
  }
}

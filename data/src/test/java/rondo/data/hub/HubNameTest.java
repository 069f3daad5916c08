package rondo.data.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HubNameTest {
  @TempDir Path home;

  @Test
  void namesHaveAnOwnerAndMayHaveARevision() {
    assertEquals(
        Optional.of(new HubName("meta-llama/Llama-3.2-1B", "main")),
        HubName.of(Path.of("meta-llama/Llama-3.2-1B")));
    assertEquals(
        Optional.of(new HubName("allenai/OLMo-2-0425-1B", "stage1-step1907359-tokens4001B")),
        HubName.of(Path.of("allenai/OLMo-2-0425-1B@stage1-step1907359-tokens4001B")));
    assertEquals(
        Optional.of(new HubName("org/name", "refs/pr/3")),
        HubName.of(Path.of("org/name@refs/pr/3")));
    assertEquals(Optional.of(new HubName("gpt2", "main")), HubName.of(Path.of("hf:gpt2")));
    assertEquals("org/name", new HubName("org/name", "main").toString());
    assertEquals("org/name@v1", new HubName("org/name", "v1").toString());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model",
        "/org/name",
        "a/b/c",
        "./name",
        "../name",
        "org/",
        "runs/..",
        "src/heal",
        "src"
      })
  void whatMayBeAPathIsOne(String path) {
    // src is a folder here, so what begins with it is a path, there or mistyped.
    assertTrue(Files.exists(Path.of("src")));
    assertEquals(Optional.empty(), HubName.of(Path.of(path)));
  }

  @Test
  void thePrefixSaysThatItIsNone() {
    assertEquals(Optional.of(new HubName("src/main", "main")), HubName.of(Path.of("hf:src/main")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"a/b/c", "", "a b", "org/na--me", "org/name@", "org/name@a..b", "org/name@/a"})
  void aWrongNameIsTold(String name) {
    assertThrows(IllegalArgumentException.class, () -> HubName.of(Path.of("hf:" + name)));
  }

  @Test
  void settingsAreThoseOfTheHubsOwnClient() throws IOException {
    var plain = HubSettings.of(Map.of(), home);
    assertEquals("https://huggingface.co", plain.endpoint().toString());
    assertEquals(home.resolve(".cache/huggingface/hub"), plain.cache());
    assertNull(plain.token());
    assertEquals(false, plain.offline());
    Files.createDirectories(home.resolve(".cache/huggingface"));
    Files.writeString(home.resolve(".cache/huggingface/token"), " hf_x \n");
    assertEquals("hf_x", HubSettings.of(Map.of(), home).token());
    assertEquals("hf_y", HubSettings.of(Map.of("HF_TOKEN", "hf_y"), home).token());
    assertEquals(Path.of("/a/hub"), HubSettings.of(Map.of("HF_HOME", "/a"), home).cache());
    assertEquals(
        Path.of("/b"), HubSettings.of(Map.of("HF_HOME", "/a", "HF_HUB_CACHE", "/b"), home).cache());
    assertEquals(
        Path.of("/c/huggingface/hub"),
        HubSettings.of(Map.of("XDG_CACHE_HOME", "/c"), home).cache());
    assertTrue(HubSettings.of(Map.of("HF_HUB_OFFLINE", "True"), home).offline());
    assertEquals(
        "http://mirror:81/hf",
        HubSettings.of(Map.of("HF_ENDPOINT", "http://mirror:81/hf/"), home).endpoint().toString());
    for (var wrong : new String[] {"huggingface.co", "ftp://a", "http://", "http:// x"}) {
      var e =
          assertThrows(
              HubException.class, () -> HubSettings.of(Map.of("HF_ENDPOINT", wrong), home));
      assertTrue(String.valueOf(e.getMessage()).startsWith("HF_ENDPOINT: " + wrong.strip()));
    }
  }
}

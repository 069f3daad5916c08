package rondo.engine.nativelib;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The header is the contract: what Java binds must be what it says. */
class HeaderTest {
  private static final Pattern FUNCTION =
      Pattern.compile("RONDO_API\\s+([a-z0-9_ ]+[ *]+)(rondo_\\w+)\\(([^)]*)\\)\\s*;");

  private static String header() throws IOException {
    try (var in = HeaderTest.class.getResourceAsStream("/rondo/kernels/rondo.h")) {
      assertTrue(in != null, "rondo.h is a resource of the kernels module");
      var text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return Pattern.compile("/\\*.*?\\*/", Pattern.DOTALL).matcher(text).replaceAll("");
    }
  }

  private static Map<String, FunctionDescriptor> declared() throws IOException {
    var functions = new LinkedHashMap<String, FunctionDescriptor>();
    var found = FUNCTION.matcher(header());
    while (found.find()) {
      var parameters = found.group(3).strip();
      var layouts =
          (parameters.equals("void")
                  ? Stream.<String>of()
                  : Arrays.stream(parameters.split(",", -1)))
              .map(HeaderTest::layout)
              .toArray(MemoryLayout[]::new);
      var before =
          functions.put(found.group(2), FunctionDescriptor.of(layout(found.group(1)), layouts));
      assertEquals(null, before, found.group(2) + " is declared twice");
    }
    return functions;
  }

  private static MemoryLayout layout(String declaration) {
    if (declaration.contains("*")) {
      return ADDRESS;
    }
    return switch (declaration.strip().split("\\s+", -1)[0]) {
      case "int32_t" -> JAVA_INT;
      case "int64_t" -> JAVA_LONG;
      case "float" -> JAVA_FLOAT;
      default -> throw new AssertionError("no layout for '" + declaration + "'");
    };
  }

  @Test
  void everyFunctionOfTheHeaderIsBoundWithItsTypesAndNoOther() throws IOException {
    var declared = declared();
    var bound = Library.bindings();
    assertTrue(declared.size() > 30, "the header was parsed");
    var differences = new ArrayList<String>();
    declared.forEach((name, type) -> {
      if (!type.equals(bound.get(name))) {
        differences.add(name + ": header " + type + ", Library " + bound.get(name));
      }
    });
    bound.keySet().stream()
        .filter(name -> !declared.containsKey(name))
        .forEach(name -> differences.add(name + ": not in the header"));
    assertEquals(List.of(), differences);
    assertEquals(List.copyOf(declared.keySet()), List.copyOf(bound.keySet()), "order");
  }

  @Test
  void everyDeclarationIsParsed() throws IOException {
    long declarations = Pattern.compile("(?m)^RONDO_API ").matcher(header()).results().count();
    assertEquals(declarations, declared().size());
  }

  @Test
  void contractNumberIsTheHeaders() throws IOException {
    var found = Pattern.compile("#define RONDO_CONTRACT (\\d+)").matcher(header());
    assertTrue(found.find());
    assertEquals(Integer.parseInt(found.group(1)), Library.CONTRACT);
  }
}

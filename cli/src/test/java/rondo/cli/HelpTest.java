package rondo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rondo.cli.Called.rondo;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class HelpTest {
  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpWithAnExampleAndTheCommonOptions(String command) {
    var help = rondo(command, "--help").works().out();
    assertTrue(help.contains("Example:\n  rondo " + command + " "), help);
    for (var option : new String[] {"--device", "--threads", "--seed", "--json", "--stacktrace"}) {
      assertTrue(help.contains(option), option);
    }
    assertTrue(help.lines().allMatch(line -> line.length() <= 100), help);
  }

  /** The commands that the program's own help lists. */
  static List<String> commands() {
    var names =
        rondo("--help")
            .works()
            .out()
            .lines()
            .filter(line -> line.matches(" {2}[a-z]+ {2,}.*"))
            .map(line -> line.strip().split(" ", 2)[0])
            .toList();
    assertTrue(names.size() >= 6, names.toString());
    return names;
  }

  @Test
  void theVersionIsOneLine() {
    assertEquals(1, rondo("--version").works().out().lines().count());
  }

  @Test
  void noCommandIsAWrongCallThatNamesThem() {
    assertTrue(rondo().wrong().contains("plan, retrofit, train, "));
  }

  @Test
  void aMistakenCommandOrOptionGetsTheNearestOne() {
    assertTrue(rondo("plann").wrong().contains("plan"));
    assertTrue(rondo("plan", "--modell", "huginn").wrong().contains("did you mean --model?"));
    assertTrue(rondo("plan", "--batch", "many").wrong().contains("'many' is not an int"));
    assertTrue(rondo("logits", "--token-ids", "1").wrong().contains("--model"));
  }

  @Test
  void devicesSaysWhatAutoTakes() {
    var text = rondo("devices").works().out();
    assertTrue(text.contains("auto"), text);
    var json = rondo("devices", "--json").json();
    assertTrue(json.path("devices").size() >= 3);
    assertTrue(json.path("processors").asInt() > 0);
    var chosen = json.path("auto").asString();
    assertTrue(
        json.path("devices")
            .valueStream()
            .anyMatch(
                d -> d.path("name").asString().equals(chosen) && d.path("usable").asBoolean()));
  }
}

package rondo.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import rondo.engine.device.Device;
import rondo.nn.checkpoint.ParameterCounts;
import rondo.nn.depth.Keep;
import tools.jackson.databind.ObjectMapper;

/** That measuring works; how fast anything is, no test says. */
class ReportTest {
  private static final Rounds SHORT = new Rounds(3, 1e-4, Clock.WALL);

  @Test
  void contendersAreComparedRoundByRound() {
    var slow = new Timing(List.of(2.0, 8.0, 4.0));
    var quick = new Timing(List.of(1.0, 2.0, 4.0));
    assertEquals(2, quick.speedOver(slow));
    assertEquals(0.5, slow.speedOver(quick));
    assertEquals(1, quick.best());
    assertEquals(2, quick.median());
  }

  @Test
  void everySubjectRunsInEveryRound() {
    var calls = new ArrayList<Integer>();
    var timings = Timing.interleaved(SHORT, List.of(() -> calls.add(0), () -> calls.add(1)));
    assertEquals(2, timings.size());
    assertEquals(3, timings.getFirst().rounds().size());
    assertTrue(calls.contains(0) && calls.contains(1));
  }

  @Test
  void theReportNamesEveryContenderAndTheirRatio() {
    try (var device = Device.plain()) {
      var products = List.of(new Product("odd", 3, 5, 7, false, true));
      var report =
          new Report(
              Machine.here(1, device.describe(), "today", "none", Clock.WALL),
              ProductBench.measure(device, products, List.of(plainLoops()), SHORT),
              List.of());
      assertTrue(report.markdown().contains("| odd 3 × 5 × 7 NT |"), report.markdown());
      assertTrue(report.markdown().contains("Rondo ÷ loops"), report.markdown());
      var json = new ObjectMapper().readTree(report.json());
      assertEquals("loops", json.get("measurements").get(1).get("contender").asString());
      assertEquals(3, json.get("measurements").get(0).get("seconds").size());
    }
  }

  @Test
  void figuresAreTheSameInEveryLocale() {
    var before = Locale.getDefault();
    Locale.setDefault(Locale.GERMANY);
    try {
      assertEquals("1,234", Report.digits(0, 1234.4));
      assertEquals("12.3", Report.digits(1, 12.34));
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void aContenderWithAnotherResultIsRefused() {
    try (var device = Device.plain()) {
      var wrong = new Product("square", 4, 4, 4, false, false);
      Blas none =
          new Blas() {
            @Override
            public String name() {
              return "nothing";
            }

            @Override
            public Runnable product(
                Product p,
                java.lang.foreign.MemorySegment a,
                java.lang.foreign.MemorySegment b,
                java.lang.foreign.MemorySegment out) {
              return () -> {};
            }
          };
      assertThrows(
          IllegalStateException.class,
          () -> ProductBench.measure(device, List.of(wrong), List.of(none), SHORT));
    }
  }

  @Test
  void theTiedModelHasAMillionParameters() {
    assertEquals(1_050_240, ParameterCounts.of(StepConfig.tied().model()).total());
    assertEquals(1_083_264, ParameterCounts.of(StepConfig.quickstart(0, Keep.ALL).model()).total());
  }

  /** The product as three loops, b stored [n, k]. */
  private static Blas plainLoops() {
    return new Blas() {
      @Override
      public String name() {
        return "loops";
      }

      @Override
      public Runnable product(
          Product p,
          java.lang.foreign.MemorySegment a,
          java.lang.foreign.MemorySegment b,
          java.lang.foreign.MemorySegment out) {
        var layout = java.lang.foreign.ValueLayout.JAVA_FLOAT;
        return () -> {
          for (int i = 0; i < p.m(); i++) {
            for (int j = 0; j < p.n(); j++) {
              float sum = 0;
              for (int q = 0; q < p.k(); q++) {
                sum +=
                    a.getAtIndex(layout, (long) i * p.k() + q)
                        * b.getAtIndex(layout, (long) j * p.k() + q);
              }
              out.setAtIndex(layout, (long) i * p.n() + j, sum);
            }
          }
        };
      }
    };
  }
}

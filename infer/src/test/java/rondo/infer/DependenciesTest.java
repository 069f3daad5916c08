package rondo.infer;

import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** What a service that embeds this module must not have to carry. */
class DependenciesTest {
  @Test
  void theDatabaseThatReadsParquetIsNotOnTheClassPath() {
    assertThrows(ClassNotFoundException.class, () -> Class.forName("org.duckdb.DuckDBDriver"));
  }
}

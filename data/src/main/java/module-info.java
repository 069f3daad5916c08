/** Text and token data: tokenizers, readers, rows of tokens. Knows nothing of the engine. */
@org.jspecify.annotations.NullMarked
module rondo.data {
  requires static org.jspecify;
  requires java.net.http;
  requires java.sql;
  requires tools.jackson.databind;
  requires static duckdb.jdbc;
  requires static com.github.luben.zstd_jni;
  requires static org.apache.arrow.format;

  exports rondo.data;
  exports rondo.data.hub;
  exports rondo.data.rows;
  exports rondo.data.tokenizer;

  uses java.sql.Driver;
}

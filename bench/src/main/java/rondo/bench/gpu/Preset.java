package rondo.bench.gpu;

import java.util.Arrays;
import java.util.List;
import rondo.nn.checkpoint.BlockConfig;
import rondo.nn.checkpoint.BlockKind;
import rondo.nn.checkpoint.InitValues;
import rondo.nn.checkpoint.Published;
import rondo.nn.checkpoint.RecurrentConfig;
import rondo.nn.checkpoint.Rope;
import rondo.nn.checkpoint.TokenIds;

/**
 * A model whose shapes are measured; {@code bench/peers/peer_presets.py} has the same ones.
 *
 * @param time tokens of a row in training
 */
record Preset(String name, RecurrentConfig model, int time) {
  /** One linear layer: inputs and outputs. */
  record Layer(String name, int in, int out) {}

  /** The published models, or toys of the same three kinds of block. */
  static List<Preset> all(boolean tiny) {
    return tiny
        ? List.of(
            toy("tiny-llama", BlockKind.LLAMA, 32, 4, 2, 48),
            toy("tiny-olmo2", BlockKind.OLMO2, 32, 4, 4, 48),
            toy("tiny-huginn", BlockKind.HUGINN, 24, 3, 3, 40))
        : List.of(
            published("tinyllama-4-8-4"),
            published("llama3.2-4-6-4"),
            published("olmo2-4-6-4"),
            published("huginn"));
  }

  /**
   * Some of them, in their order.
   *
   * @param names separated by commas; empty for all
   * @throws IllegalArgumentException when there is no such preset
   */
  static List<Preset> named(String names, boolean tiny) {
    var every = all(tiny);
    if (names.isEmpty()) {
      return every;
    }
    var wanted = Arrays.asList(names.split(",", -1));
    for (var name : wanted) {
      if (every.stream().noneMatch(p -> p.name.equals(name))) {
        throw new IllegalArgumentException(
            "preset \""
                + name
                + "\": expected some of "
                + every.stream().map(Preset::name).toList());
      }
    }
    return every.stream().filter(p -> wanted.contains(p.name)).toList();
  }

  private static Preset published(String name) {
    return new Preset(name, (RecurrentConfig) Published.named(name).config(), 1024);
  }

  private static Preset toy(
      String name, BlockKind kind, int width, int heads, int kvHeads, int hidden) {
    boolean huginn = kind == BlockKind.HUGINN;
    var rope = new Rope(10_000, huginn, null);
    var block = new BlockConfig(kind, width, heads, kvHeads, 8, hidden, 1e-5, rope);
    var init = huginn ? InitValues.huginn(width, 8) : InitValues.retrofit(8);
    var model =
        new RecurrentConfig(
            block, 1, 2, 1, 64, 64, huginn, init, 4, 2, TokenIds.NONE, "float32", null);
    return new Preset(name, model, 16);
  }

  BlockConfig block() {
    return model.block();
  }

  List<Layer> layers() {
    var b = block();
    return List.of(
        new Layer("qkv", b.width(), b.qkvWidth()),
        new Layer("attention proj", b.queryWidth(), b.width()),
        new Layer("mlp fc", b.width(), 2 * b.hidden()),
        new Layer("mlp proj", b.hidden(), b.width()),
        new Layer("head", b.width(), model.vocabulary()));
  }
}

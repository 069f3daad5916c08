package rondo.nn;

import java.util.List;
import rondo.engine.weights.Parameter;
import rondo.nn.checkpoint.BaseConfig;
import rondo.nn.checkpoint.ModelConfig;
import rondo.nn.checkpoint.RecurrentConfig;

/** A decoder language model as plain values: configuration and parameters, no memory. */
public sealed interface Model permits FixedModel, RecurrentModel {
  ModelConfig config();

  /** Every parameter once, in reading order. */
  List<Parameter> parameters();

  static Model of(ModelConfig config) {
    return switch (config) {
      case BaseConfig c -> FixedModel.of(c);
      case RecurrentConfig c -> RecurrentModel.of(c);
    };
  }
}

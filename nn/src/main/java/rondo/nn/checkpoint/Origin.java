package rondo.nn.checkpoint;

import org.jspecify.annotations.Nullable;

/**
 * Where a retrofitted model comes from: key {@code surgery} of its configuration.
 *
 * @param source name or folder of the fixed-depth model
 * @param adapter how the adapter was initialised, or null when that is not known
 */
public record Origin(String source, Surgery surgery, @Nullable String adapter) {}

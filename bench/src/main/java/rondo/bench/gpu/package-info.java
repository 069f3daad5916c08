/**
 * What the first day on a GPU asks: every operation at the shapes of the published models beside
 * what the device can do, whole steps beside their floors, and PyTorch beside both. {@link
 * rondo.bench.gpu.Main} measures, {@link rondo.bench.gpu.Merge} joins; the Python of {@code
 * bench/peers} writes the same scheme.
 */
@org.jspecify.annotations.NullMarked
package rondo.bench.gpu;

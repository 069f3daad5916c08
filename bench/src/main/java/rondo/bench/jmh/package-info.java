/**
 * The same measurements under JMH. Its states are filled by set-up methods, which null checking
 * does not know.
 */
@org.jspecify.annotations.NullUnmarked
package rondo.bench.jmh;

/** Launches and products through JNI, by JCuda, beside Rondo's through FFM. */
@org.jspecify.annotations.NullMarked
package rondo.bench.jcuda;

/** Models by their names on a Hugging Face hub, in the cache that its own client shares. */
@org.jspecify.annotations.NullMarked
package rondo.data.hub;

/** The main job, small: base, surgery, healing, and loss over depth, on real text. */
@org.jspecify.annotations.NullMarked
package rondo.train.quickstart;

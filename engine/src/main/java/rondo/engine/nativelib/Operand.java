package rondo.engine.nativelib;

import java.lang.foreign.MemorySegment;

/** The address of a value and the elements between its rows. */
public record Operand(MemorySegment memory, long stride) {}

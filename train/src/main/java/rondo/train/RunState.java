package rondo.train;

import rondo.data.rows.Cursor;

/**
 * Where a run stands between two steps: with weights and moments, all that a resume needs, since
 * depths and noise are pure functions of seed and counter.
 *
 * @param step optimiser steps taken
 * @param micro micro-batches run
 * @param tokens counted
 * @param flops spent
 * @param cursor place in the data
 * @param skipped steps so far whose update was left out
 * @param inRow how many of them were the last ones
 */
public record RunState(
    long step, long micro, long tokens, double flops, Cursor cursor, long skipped, int inRow) {
  /** Before the first step. */
  static RunState first(Cursor cursor) {
    return new RunState(0, 0, 0, 0, cursor, 0, 0);
  }
}

package rondo.train;

import org.jspecify.annotations.Nullable;

/**
 * What one optimiser step did.
 *
 * @param step number of this step, from 0
 * @param loss mean over micro-batches; not finite in a step that was skipped for it
 * @param gradNorm before clipping; not finite in a step that was skipped
 * @param lr peak learning rate times the schedule's factor
 * @param frozen recurrences without gradient, mean over micro-batches
 * @param tracked recurrences with gradient, mean over micro-batches
 * @param tokens counted so far in the run
 * @param tokensPerSecond of this step
 * @param flops spent so far in the run, recomputation and optimiser included
 * @param skipped steps so far whose update was left out
 * @param divergence of the student from its teacher in nats, mean over micro-batches; null without
 *     a teacher
 */
public record StepReport(
    long step,
    long steps,
    double loss,
    double gradNorm,
    double lr,
    int meanRecurrence,
    double frozen,
    double tracked,
    long tokens,
    double tokensPerSecond,
    double flops,
    long skipped,
    @Nullable Double divergence) {}

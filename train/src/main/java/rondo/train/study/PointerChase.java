package rondo.train.study;

/**
 * A permutation of some nodes is given as pairs (node, next); from a start, each step follows it
 * once (p-hop pointer chasing). Unlike the other tasks, what a step does must be looked up in the
 * context.
 *
 * <p>Tokens: 0 … nodes-1 the nodes and the answers; nodes … 2·nodes-1 a node as the left of a pair;
 * 2·nodes … 3·nodes-1 the start; last, the token that asks for one more step.
 */
public record PointerChase(int nodes) implements ChainTask {
  public PointerChase {
    if (nodes < 2) {
      throw new IllegalArgumentException("pointer chase: " + nodes + " nodes, expected 2 or more");
    }
  }

  @Override
  public int vocabulary() {
    return 3 * nodes + 1;
  }

  @Override
  public int opening() {
    return 2 * nodes + 1;
  }

  @Override
  public int answers() {
    return nodes;
  }

  @Override
  public Problem draw(Draws draws, int steps) {
    var tokens = new int[length(steps)];
    var answers = new int[length(steps)];
    java.util.Arrays.fill(answers, Problem.NONE);
    var order = permutation(draws);
    // One cycle through all nodes, so that a chain comes back only after `nodes` steps.
    var cycle = permutation(draws);
    var next = new int[nodes];
    for (int i = 0; i < nodes; i++) {
      next[cycle[i]] = cycle[(i + 1) % nodes];
    }
    for (int i = 0; i < nodes; i++) {
      tokens[2 * i] = nodes + order[i];
      tokens[2 * i + 1] = next[order[i]];
    }
    int node = draws.below(nodes);
    tokens[2 * nodes] = 2 * nodes + node;
    answers[2 * nodes] = node;
    for (int i = 1; i <= steps; i++) {
      node = next[node];
      tokens[2 * nodes + i] = 3 * nodes;
      answers[2 * nodes + i] = node;
    }
    return new Problem(tokens, answers);
  }

  private int[] permutation(Draws draws) {
    var p = new int[nodes];
    for (int i = 0; i < nodes; i++) {
      int j = draws.below(i + 1);
      p[i] = p[j];
      p[j] = i;
    }
    return p;
  }
}

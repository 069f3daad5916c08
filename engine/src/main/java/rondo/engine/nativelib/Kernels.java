package rondo.engine.nativelib;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import rondo.engine.graph.AdamW;
import rondo.engine.graph.Add;
import rondo.engine.graph.Attention;
import rondo.engine.graph.CacheAppend;
import rondo.engine.graph.CachedAttention;
import rondo.engine.graph.Cast;
import rondo.engine.graph.ClipFactor;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.GatedSilu;
import rondo.engine.graph.LinearCrossEntropy;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.MuonApply;
import rondo.engine.graph.MuonMomentum;
import rondo.engine.graph.NormalizeMatrices;
import rondo.engine.graph.Program;
import rondo.engine.graph.QkBias;
import rondo.engine.graph.QkNorm;
import rondo.engine.graph.RmsNorm;
import rondo.engine.graph.Rotary;
import rondo.engine.graph.Scale;
import rondo.engine.graph.SumSquares;
import rondo.engine.graph.Tensor;
import rondo.engine.graph.TruncatedNormal;

/**
 * The one switch from operation to function. Every launch closes over its addresses and sizes, so
 * running it computes nothing in Java.
 */
public final class Kernels {
  /** Where the values of a program are. */
  public interface Addresses {
    /** A value's memory; when {@code target}, the memory that an added value is added to. */
    Operand of(Tensor t, boolean target);
  }

  private final Functions f;
  private final Addresses addresses;
  private final Program.Run run;
  private final MemorySegment scratch;

  private Kernels(Functions f, Addresses addresses, Program.Run run, MemorySegment scratch) {
    this.f = f;
    this.addresses = addresses;
    this.run = run;
    this.scratch = scratch;
  }

  /** One launch for each step of the program. */
  public static List<Runnable> launches(
      Program program, Addresses addresses, IntFunction<MemorySegment> scratch, Functions f) {
    var launches = new ArrayList<Runnable>();
    for (int i = 0; i < program.steps().size(); i++) {
      launches.add(
          switch (program.steps().get(i)) {
            case Program.Run run -> new Kernels(f, addresses, run, scratch.apply(i)).launch();
            case Program.AddInto(var t) -> addInto(t, addresses, f);
          });
    }
    return launches;
  }

  private static Runnable addInto(Tensor t, Addresses addresses, Functions f) {
    var value = addresses.of(t, false).memory();
    var sum = addresses.of(t, true).memory();
    long n = t.shape().size();
    return () -> f.add(value, sum, n, sum);
  }

  private Runnable launch() {
    return switch (run.node().op()) {
      case Add op -> {
        var a = in(op.a());
        var b = in(op.b());
        var out = out(0);
        long n = op.a().shape().size();
        yield () -> f.add(a, b, n, out);
      }
      case Scale op -> {
        var x = in(op.x());
        var out = out(0);
        long n = op.x().shape().size();
        yield () -> f.scale(x, op.factor(), n, out);
      }
      case Cast op -> {
        var x = in(op.x());
        var out = out(0);
        long n = op.x().shape().size();
        int from = op.x().dtype().code();
        int to = op.to().code();
        yield () -> f.cast(x, from, n, out, to);
      }
      case GatedSilu op -> {
        var x = in(op.x());
        var y = out(0);
        long rows = op.x().shape().rows();
        long width = op.x().shape().last() / 2;
        yield () -> f.gatedSilu(x, rows, width, y);
      }
      case GatedSilu.Gradient op -> {
        var x = in(op.x());
        var dy = in(op.dy());
        var dx = out(0);
        long rows = op.dy().shape().rows();
        long width = op.dy().shape().last();
        yield () -> f.gatedSiluGrad(x, dy, rows, width, dx);
      }
      case MatMul op -> product(op);
      case Embedding op -> {
        var table = in(op.table());
        var tokens = in(op.tokens());
        var y = out(0);
        int type = op.table().dtype().code();
        long rows = op.tokens().shape().size();
        long width = op.table().shape().last();
        long vocab = op.table().shape().dim(0);
        yield () -> f.embedding(table, type, tokens, rows, width, vocab, op.scale(), y);
      }
      case Embedding.Gradient op -> {
        var tokens = in(op.tokens());
        var dy = in(op.dy());
        var dtable = out(0);
        int accumulate = accumulate(0);
        long rows = op.tokens().shape().size();
        long width = op.dy().shape().last();
        yield () ->
            f.embeddingGrad(tokens, dy, rows, width, op.vocab(), op.scale(), accumulate, dtable);
      }
      case RmsNorm op -> {
        var x = in(op.x());
        var residual = op.residual() == null ? MemorySegment.NULL : in(op.residual());
        var gain = in(op.gain());
        var y = out(0);
        var rstd = out(1);
        var sum = op.residual() == null ? MemorySegment.NULL : out(2);
        long rows = op.x().shape().rows();
        long width = op.x().shape().last();
        yield () -> f.rmsNorm(x, residual, gain, op.eps(), rows, width, sum, y, rstd);
      }
      case RmsNorm.Gradient op -> {
        var x = in(op.x());
        var gain = in(op.gain());
        var rstd = in(op.rstd());
        var dy = in(op.dy());
        var carry = op.carry() == null ? MemorySegment.NULL : in(op.carry());
        var dx = out(0);
        var dgain = out(1);
        int accumulate = accumulate(1);
        long rows = op.x().shape().rows();
        long width = op.x().shape().last();
        yield () -> f.rmsNormGrad(x, gain, rstd, dy, carry, rows, width, dx, accumulate, dgain);
      }
      case QkBias op -> {
        var qkv = in(op.qkv());
        var bias = in(op.bias());
        var out = out(0);
        long rows = op.qkv().shape().rows();
        var h = op.heads();
        yield () -> f.qkBias(qkv, bias, rows, h.query(), h.keyValue(), h.size(), out);
      }
      case QkBias.Gradient op -> {
        var dy = in(op.dy());
        var dbias = out(0);
        int accumulate = accumulate(0);
        long rows = op.dy().shape().rows();
        var h = op.heads();
        yield () -> f.qkBiasGrad(dy, rows, h.query(), h.keyValue(), h.size(), accumulate, dbias);
      }
      case QkNorm op -> {
        var qkv = in(op.qkv());
        var qg = in(op.queryGain());
        var kg = in(op.keyGain());
        var out = out(0);
        var rstd = out(1);
        long rows = op.qkv().shape().rows();
        var h = op.heads();
        yield () ->
            f.qkNorm(qkv, qg, kg, op.eps(), rows, h.query(), h.keyValue(), h.size(), out, rstd);
      }
      case QkNorm.Gradient op -> {
        var qkv = in(op.qkv());
        var qg = in(op.queryGain());
        var kg = in(op.keyGain());
        var rstd = in(op.rstd());
        var dy = in(op.dy());
        var dqkv = out(0);
        var dqg = out(1);
        var dkg = out(2);
        int accumulate = accumulate(1);
        long rows = op.qkv().shape().rows();
        var h = op.heads();
        yield () ->
            f.qkNormGrad(
                qkv,
                qg,
                kg,
                rstd,
                dy,
                rows,
                h.query(),
                h.keyValue(),
                h.size(),
                dqkv,
                accumulate,
                dqg,
                dkg);
      }
      case Rotary op -> {
        var qkv = in(op.qkv());
        var positions = in(op.positions());
        var table = in(op.table());
        var out = out(0);
        long tableRows = op.table().shape().dim(0);
        long rows = op.qkv().shape().rows();
        int interleaved = op.interleaved() ? 1 : 0;
        int inverse = op.inverse() ? 1 : 0;
        var h = op.heads();
        yield () ->
            f.rotary(
                qkv,
                positions,
                table,
                tableRows,
                rows,
                h.query(),
                h.keyValue(),
                h.size(),
                interleaved,
                inverse,
                out);
      }
      case Attention op -> {
        var qkv = in(op.qkv());
        var out = out(0);
        var lse = out(1);
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.attention(qkv, batch, time, h.query(), h.keyValue(), h.size(), op.scale(), out, lse);
      }
      case Attention.Gradient op -> {
        var qkv = in(op.qkv());
        var out = in(op.out());
        var lse = in(op.logSumExp());
        var dy = in(op.dy());
        var dqkv = out(0);
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.attentionGrad(
                qkv,
                out,
                lse,
                dy,
                batch,
                time,
                h.query(),
                h.keyValue(),
                h.size(),
                op.scale(),
                dqkv);
      }
      case CacheAppend op -> {
        var cache = in(op.cache());
        var qkv = in(op.qkv());
        var start = in(op.start());
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        long capacity = op.cache().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.cacheAppend(
                qkv, start, batch, time, h.query(), h.keyValue(), h.size(), capacity, cache);
      }
      case CachedAttention op -> {
        var qkv = in(op.qkv());
        var cache = in(op.cache());
        var start = in(op.start());
        var out = out(0);
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        long capacity = op.cache().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.cachedAttention(
                qkv,
                cache,
                start,
                batch,
                time,
                h.query(),
                h.keyValue(),
                h.size(),
                capacity,
                op.scale(),
                out);
      }
      case TruncatedNormal op -> {
        var key = in(op.key());
        var out = out(0);
        long n = op.shape().size();
        yield () -> f.truncatedNormal(key, op.std(), op.cut(), n, out);
      }
      case LinearCrossEntropy op -> {
        var x = in(op.x());
        var head = in(op.head());
        var targets = in(op.targets());
        var loss = out(0);
        var dx = out(1);
        var dhead = out(2);
        int accumulate = accumulate(2);
        long rows = op.x().shape().rows();
        long width = op.x().shape().last();
        long vocab = op.head().shape().dim(0);
        yield () ->
            f.linearCrossEntropy(
                x,
                head,
                targets,
                rows,
                width,
                vocab,
                op.chunkRows(),
                op.gradScale(),
                scratch,
                loss,
                dx,
                accumulate,
                dhead);
      }
      case SumSquares op -> {
        var x = in(op.x());
        var out = out(0);
        long n = op.x().shape().size();
        yield () -> f.sumSquares(x, n, out);
      }
      case ClipFactor op -> {
        var sum = in(op.sumSquares());
        var out = out(0);
        yield () -> f.clipFactor(sum, op.maxNorm(), out);
      }
      case AdamW op -> {
        var p = in(op.parameter());
        var g = in(op.gradient());
        var m = in(op.first());
        var v = in(op.second());
        var control = in(op.control());
        var clip = in(op.clip());
        long n = op.parameter().shape().size();
        yield () ->
            f.adamw(
                p, g, m, v, control, clip, n, op.beta1(), op.beta2(), op.eps(), op.weightDecay());
      }
      case MuonMomentum op -> {
        var m = in(op.moment());
        var g = in(op.gradient());
        var clip = in(op.clip());
        var u = out(1);
        long n = op.moment().shape().size();
        yield () -> f.muonMomentum(m, g, clip, n, op.momentum(), u);
      }
      case NormalizeMatrices op -> {
        var x = in(op.x());
        var out = out(0);
        long batch = op.x().shape().dim(0);
        long n = op.x().shape().size() / batch;
        int type = op.to().code();
        yield () -> f.normalizeMatrices(x, batch, n, op.eps(), out, type);
      }
      case MuonApply op -> {
        var p = in(op.parameter());
        var o = in(op.direction());
        var control = in(op.control());
        int type = op.direction().dtype().code();
        long n = op.parameter().shape().size();
        yield () -> f.muonApply(p, o, type, control, n, op.scale(), op.weightDecay());
      }
    };
  }

  private Runnable product(MatMul op) {
    var a = addresses.of(op.a(), false);
    var b = addresses.of(op.b(), false);
    var out = addresses.of(run.node().outputs().getFirst(), accumulate(0) == 1);
    // Accumulating is adding to what is there.
    var c = accumulate(0) == 1 ? out : op.c() == null ? null : addresses.of(op.c(), false);
    float beta = accumulate(0) == 1 ? 1 : op.c() == null ? 0 : op.beta();
    var cMemory = c == null ? MemorySegment.NULL : c.memory();
    long cLd = c == null ? 0 : c.stride();
    int aType = op.a().dtype().code();
    int bType = op.b().dtype().code();
    int outType = run.node().outputs().getFirst().dtype().code();
    long batch = op.batch();
    long m = op.m();
    long n = op.n();
    long k = op.k();
    int transposeA = op.transposeA() ? 1 : 0;
    int transposeB = op.transposeB() ? 1 : 0;
    long aStep = a.stride() * (op.transposeA() ? k : m);
    long bStep = b.stride() * (op.transposeB() ? n : k);
    int symmetric = op.symmetric() ? 1 : 0;
    return () ->
        f.matmul(
            batch,
            m,
            n,
            k,
            op.alpha(),
            a.memory(),
            aType,
            transposeA,
            a.stride(),
            aStep,
            b.memory(),
            bType,
            transposeB,
            b.stride(),
            bStep,
            beta,
            cMemory,
            cLd,
            cLd * m,
            out.memory(),
            outType,
            out.stride(),
            out.stride() * m,
            symmetric);
  }

  private MemorySegment in(Tensor t) {
    return addresses.of(t, false).memory();
  }

  /** Null for an output that nobody wants and that need not be made. */
  private MemorySegment out(int output) {
    var t = run.node().outputs().get(output);
    if (run.wanted().contains(output)) {
      return addresses.of(t, run.accumulated().contains(output)).memory();
    }
    return run.discards(output)
        ? scratch.asSlice(run.discardOffset(output), t.type().bytes())
        : MemorySegment.NULL;
  }

  private int accumulate(int output) {
    return run.accumulated().contains(output) ? 1 : 0;
  }
}

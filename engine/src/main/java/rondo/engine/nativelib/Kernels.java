package rondo.engine.nativelib;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import rondo.engine.graph.AdamW;
import rondo.engine.graph.Add;
import rondo.engine.graph.Attention;
import rondo.engine.graph.CacheAppend;
import rondo.engine.graph.CachedAttention;
import rondo.engine.graph.Cast;
import rondo.engine.graph.ClipFactor;
import rondo.engine.graph.EllisAdam;
import rondo.engine.graph.Embedding;
import rondo.engine.graph.GatedSilu;
import rondo.engine.graph.LinearCrossEntropy;
import rondo.engine.graph.LinearDistillation;
import rondo.engine.graph.MatMul;
import rondo.engine.graph.MuonApply;
import rondo.engine.graph.MuonMomentum;
import rondo.engine.graph.NormalizeMatrices;
import rondo.engine.graph.Program;
import rondo.engine.graph.QuantizeRows;
import rondo.engine.graph.QuantizedLinear;
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
    int type = code(t);
    long n = t.shape().size();
    return () -> f.add(type, value, sum, n, sum);
  }

  private Runnable launch() {
    return switch (run.node().op()) {
      case Add op -> {
        var a = in(op.a());
        var b = in(op.b());
        var out = out(0);
        int type = code(op.a());
        long n = op.a().shape().size();
        yield () -> f.add(type, a, b, n, out);
      }
      case Scale op -> {
        var x = in(op.x());
        var out = out(0);
        int type = code(op.x());
        long n = op.x().shape().size();
        yield () -> f.scale(type, x, op.factor(), n, out);
      }
      case Cast op -> {
        var x = in(op.x());
        var out = out(0);
        long n = op.x().shape().size();
        int from = code(op.x());
        int to = op.to().code();
        yield () -> f.cast(x, from, n, out, to);
      }
      case GatedSilu op -> {
        var x = in(op.x());
        var y = out(0);
        int type = code(op.x());
        long rows = op.x().shape().rows();
        long width = op.x().shape().last() / 2;
        yield () -> f.gatedSilu(type, x, rows, width, y);
      }
      case GatedSilu.Gradient op -> {
        var x = in(op.x());
        var dy = in(op.dy());
        var dx = out(0);
        int type = code(op.x());
        long rows = op.dy().shape().rows();
        long width = op.dy().shape().last();
        yield () -> f.gatedSiluGrad(type, x, dy, rows, width, dx);
      }
      case MatMul op -> product(op);
      case QuantizeRows op -> {
        var w = in(op.weight());
        var q = out(0);
        var scale = out(1);
        int type = op.to().code();
        long rows = op.weight().shape().dim(0);
        long width = op.weight().shape().last();
        yield () -> f.quantizeRows(w, rows, width, q, type, scale);
      }
      case QuantizedLinear op -> {
        var x = in(op.x());
        var q = in(op.q());
        var scale = in(op.scale());
        var y = out(0);
        int type = code(op.x());
        int qType = code(op.q());
        long rows = op.x().shape().rows();
        long n = op.q().shape().dim(0);
        long k = op.q().shape().last();
        yield () -> f.quantizedLinear(type, x, rows, q, qType, scale, n, k, y);
      }
      case Embedding op -> {
        var table = in(op.table());
        var tokens = in(op.tokens());
        var y = out(0);
        int type = op.out().code();
        int tableType = code(op.table());
        long rows = op.tokens().shape().size();
        long width = op.table().shape().last();
        long vocab = op.table().shape().dim(0);
        yield () -> f.embedding(type, table, tableType, tokens, rows, width, vocab, op.scale(), y);
      }
      case Embedding.Gradient op -> {
        var tokens = in(op.tokens());
        var dy = in(op.dy());
        var dtable = out(0);
        int accumulate = accumulate(0);
        int type = code(op.dy());
        long rows = op.tokens().shape().size();
        long width = op.dy().shape().last();
        yield () ->
            f.embeddingGrad(
                type, tokens, dy, rows, width, op.vocab(), op.scale(), accumulate, dtable);
      }
      case RmsNorm op -> {
        var x = in(op.x());
        var residual = optional(op.residual());
        var gain = in(op.gain());
        var y = out(0);
        var rstd = out(1);
        var sum = op.residual() == null ? MemorySegment.NULL : out(2);
        int type = code(op.x());
        long rows = op.x().shape().rows();
        long width = op.x().shape().last();
        yield () -> f.rmsNorm(type, x, residual, gain, op.eps(), rows, width, sum, y, rstd);
      }
      case RmsNorm.Gradient op -> {
        var x = in(op.x());
        var gain = in(op.gain());
        var rstd = in(op.rstd());
        var dy = in(op.dy());
        var carry = optional(op.carry());
        var dx = out(0);
        var dgain = out(1);
        int accumulate = accumulate(1);
        int type = code(op.x());
        long rows = op.x().shape().rows();
        long width = op.x().shape().last();
        yield () ->
            f.rmsNormGrad(type, x, gain, rstd, dy, carry, rows, width, dx, accumulate, dgain);
      }
      case Rotary op -> {
        var qkv = in(op.qkv());
        var bias = optional(op.bias());
        var qg = optional(op.queryGain());
        var kg = optional(op.keyGain());
        var positions = in(op.positions());
        var table = in(op.table());
        var out = out(0);
        var rstd = op.queryGain() == null ? MemorySegment.NULL : out(1);
        int type = code(op.qkv());
        long tableRows = op.table().shape().dim(0);
        long rows = op.qkv().shape().rows();
        int interleaved = op.interleaved() ? 1 : 0;
        int inverse = op.inverse() ? 1 : 0;
        var h = op.heads();
        yield () ->
            f.rotary(
                type,
                qkv,
                bias,
                qg,
                kg,
                op.eps(),
                positions,
                table,
                tableRows,
                rows,
                h.query(),
                h.keyValue(),
                h.size(),
                interleaved,
                inverse,
                out,
                rstd);
      }
      case Rotary.BiasGradient op -> {
        var d = in(op.d());
        var dbias = out(0);
        int accumulate = accumulate(0);
        int type = code(op.d());
        long rows = op.d().shape().rows();
        var h = op.heads();
        yield () ->
            f.qkBiasGrad(type, d, rows, h.query(), h.keyValue(), h.size(), accumulate, dbias);
      }
      case Rotary.NormGradient op -> {
        var qkv = in(op.qkv());
        var qg = in(op.queryGain());
        var kg = in(op.keyGain());
        var rstd = in(op.rstd());
        var d = in(op.d());
        var dqkv = out(0);
        var dqg = out(1);
        var dkg = out(2);
        int accumulate = accumulate(1);
        int type = code(op.qkv());
        long rows = op.qkv().shape().rows();
        var h = op.heads();
        yield () ->
            f.qkNormGrad(
                type,
                qkv,
                qg,
                kg,
                rstd,
                d,
                rows,
                h.query(),
                h.keyValue(),
                h.size(),
                dqkv,
                accumulate,
                dqg,
                dkg);
      }
      case Attention op -> {
        var qkv = in(op.qkv());
        var out = out(0);
        var lse = out(1);
        int type = code(op.qkv());
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.attention(
                type, qkv, batch, time, h.query(), h.keyValue(), h.size(), op.scale(), out, lse);
      }
      case Attention.Gradient op -> {
        var qkv = in(op.qkv());
        var out = in(op.out());
        var lse = in(op.logSumExp());
        var dy = in(op.dy());
        var dqkv = out(0);
        int type = code(op.qkv());
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.attentionGrad(
                type,
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
                scratch,
                dqkv);
      }
      case CacheAppend op -> {
        var cache = in(op.cache());
        var qkv = in(op.qkv());
        var start = in(op.start());
        int type = code(op.qkv());
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        long capacity = op.cache().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.cacheAppend(
                type, qkv, start, batch, time, h.query(), h.keyValue(), h.size(), capacity, cache);
      }
      case CachedAttention op -> {
        var qkv = in(op.qkv());
        var cache = in(op.cache());
        var start = in(op.start());
        var out = out(0);
        int type = code(op.qkv());
        long batch = op.qkv().shape().dim(0);
        long time = op.qkv().shape().dim(1);
        long capacity = op.cache().shape().dim(1);
        var h = op.heads();
        yield () ->
            f.cachedAttention(
                type,
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
        int type = code(op.x());
        long rows = op.x().shape().rows();
        long width = op.x().shape().last();
        long vocab = op.head().shape().dim(0);
        yield () ->
            f.linearCrossEntropy(
                type,
                x,
                head,
                targets,
                rows,
                width,
                vocab,
                op.chunkRows(),
                op.gradScale(),
                op.z(),
                scratch,
                loss,
                dx,
                accumulate,
                dhead);
      }
      case LinearDistillation op -> {
        var student = op.student();
        var x = in(student.x());
        var head = in(student.head());
        var teacher = in(op.teacher());
        var teacherHead = in(op.teacherHead());
        var targets = in(student.targets());
        var loss = out(0);
        var dx = out(1);
        var dhead = out(2);
        int accumulate = accumulate(2);
        int type = code(student.x());
        long rows = student.x().shape().rows();
        long width = student.x().shape().last();
        long teacherWidth = op.teacher().shape().last();
        long vocab = student.head().shape().dim(0);
        yield () ->
            f.linearDistillation(
                type,
                x,
                head,
                teacher,
                teacherHead,
                targets,
                rows,
                width,
                teacherWidth,
                vocab,
                student.chunkRows(),
                student.gradScale(),
                student.z(),
                op.temperature(),
                op.weight(),
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
      case EllisAdam op -> {
        var p = in(op.parameter());
        var g = in(op.gradient());
        var m = in(op.first());
        var v = in(op.second());
        var control = in(op.control());
        var clip = in(op.clip());
        long n = op.parameter().shape().size();
        int updateClipping = op.updateClipping() ? 1 : 0;
        int useAtan2 = op.atan2() ? 1 : 0;
        yield () ->
            f.ellisAdam(
                p,
                g,
                m,
                v,
                control,
                clip,
                n,
                op.beta1(),
                op.beta2(),
                op.eps(),
                op.weightDecay(),
                updateClipping,
                useAtan2);
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
        int type = code(op.direction());
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
    int aType = code(op.a());
    int bType = code(op.b());
    int outType = op.out().code();
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

  private static int code(Tensor t) {
    return t.dtype().code();
  }

  private MemorySegment optional(@Nullable Tensor t) {
    return t == null ? MemorySegment.NULL : in(t);
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

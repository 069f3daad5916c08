package rondo.bench.jcuda;

import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.runtime.JCuda;
import jcuda.runtime.cudaMemcpyKind;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The JNI baseline, in the scheme of {@code rondo.bench.gpu}: an empty kernel launched a hundred
 * times, and the product of bf16 matrices of 8192 by cuBLAS. Where CUDA 12's libraries are absent
 * the document says so instead. Takes the file to write.
 */
public final class Main {
  private static final int ROUNDS = 7;
  private static final int LAUNCHES = 100;
  private static final int SIZE = 8192;

  /** A kernel that does nothing. */
  private static final String PTX =
      ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry nothing()\n{\n  ret;\n}\n\0";

  private Main() {}

  /** Measures what can be measured. */
  public static void main(String[] arguments) throws IOException {
    var file = Path.of(arguments.length > 0 ? arguments[0] : "jcuda.json");
    var mapper = new ObjectMapper();
    var root = mapper.createObjectNode();
    root.put("program", "rondo.bench.jcuda").put("method", "median of rounds, awaited each");
    root.putObject("facts").put("java", Runtime.version().toString());
    root.putArray("figures");
    root.putArray("skipped");
    attempt(root, "launches", "f32", "empty kernel, 100 launches and a wait", Main::launches);
    attempt(root, "limits", "bf16", "product %1$d x %1$d x %1$d".formatted(SIZE), Main::product);
    Files.writeString(file, mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root));
  }

  private interface Measured {
    void into(ObjectNode figure);
  }

  private static void attempt(
      ObjectNode root, String part, String type, String subject, Measured measured) {
    var node = new ObjectMapper().createObjectNode();
    node.put("part", part).put("preset", "").put("subject", subject).put("type", type);
    node.put("contender", "JCuda 12.6.0");
    try {
      measured.into(node);
      root.withArray("figures").add(node);
    } catch (LinkageError | RuntimeException e) {
      node.put("reason", e.getClass().getSimpleName() + ": " + reason(e));
      root.withArray("skipped").add(node);
      System.out.println("skipped: " + subject + ": " + node.get("reason").asString());
    }
  }

  /** JCuda's message is a page, in which one line names the library that is missing. */
  private static String reason(Throwable e) {
    var lines = String.valueOf(e.getMessage()).lines().filter(l -> !l.isBlank()).toList();
    return lines.stream()
        .filter(l -> l.contains("cannot open shared object file"))
        .findFirst()
        .orElse(lines.getFirst())
        .strip();
  }

  private static void launches(ObjectNode figure) {
    JCudaDriver.setExceptionsEnabled(true);
    JCuda.setExceptionsEnabled(true);
    JCuda.cudaFree(new Pointer()); // makes the device's context
    var module = new CUmodule();
    JCudaDriver.cuModuleLoadData(module, PTX.getBytes(StandardCharsets.US_ASCII));
    var nothing = new CUfunction();
    JCudaDriver.cuModuleGetFunction(nothing, module, "nothing");
    var stream = new CUstream();
    time(
        figure,
        LAUNCHES,
        () -> {
          for (int i = 0; i < LAUNCHES; i++) {
            cuLaunchKernel(nothing, 1, 1, 1, 32, 1, 1, 0, stream, null, null);
          }
        });
    figure.put("work", 1).put("unit", "calls");
  }

  private static void product(ObjectNode figure) {
    JCublas2.setExceptionsEnabled(true);
    var handle = new cublasHandle();
    JCublas2.cublasCreate(handle);
    long bytes = 2L * SIZE * SIZE;
    // Random ones: a product of equal numbers is quicker than others.
    var random = new SplittableRandom(1);
    var values = new short[SIZE * SIZE];
    for (int i = 0; i < values.length; i++) {
      values[i] = (short) (Float.floatToRawIntBits(2 * random.nextFloat() - 1) >>> 16);
    }
    var matrices = new Pointer[3];
    for (int i = 0; i < matrices.length; i++) {
      matrices[i] = new Pointer();
      JCuda.cudaMalloc(matrices[i], bytes);
      JCuda.cudaMemcpy(
          matrices[i], Pointer.to(values), bytes, cudaMemcpyKind.cudaMemcpyHostToDevice);
    }
    var one = Pointer.to(new float[] {1});
    var zero = Pointer.to(new float[] {0});
    int type = cudaDataType.CUDA_R_16BF;
    time(
        figure,
        1,
        () ->
            JCublas2.cublasGemmEx_new(
                handle,
                cublasOperation.CUBLAS_OP_N,
                cublasOperation.CUBLAS_OP_N,
                SIZE,
                SIZE,
                SIZE,
                one,
                matrices[0],
                type,
                SIZE,
                matrices[1],
                type,
                SIZE,
                zero,
                matrices[2],
                type,
                SIZE,
                cublasComputeType.CUBLAS_COMPUTE_32F,
                cublasGemmAlgo.CUBLAS_GEMM_DEFAULT));
    figure.put("work", 2.0 * SIZE * SIZE * SIZE).put("unit", "flops");
    for (var matrix : matrices) {
      JCuda.cudaFree(matrix);
    }
    JCublas2.cublasDestroy(handle);
  }

  private static void time(ObjectNode figure, int calls, Runnable run) {
    var seconds = new double[ROUNDS];
    for (int i = -3; i < ROUNDS; i++) {
      JCuda.cudaDeviceSynchronize();
      long start = System.nanoTime();
      run.run();
      JCuda.cudaDeviceSynchronize();
      if (i >= 0) {
        seconds[i] = (System.nanoTime() - start) / 1e9 / calls;
      }
    }
    var rounds = figure.putArray("rounds");
    Arrays.stream(seconds).forEach(rounds::add);
    Arrays.sort(seconds);
    figure.put("seconds", seconds[ROUNDS / 2]).put("repetitions", calls).put("recorded", false);
  }
}

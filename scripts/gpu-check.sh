#!/usr/bin/env bash
# gpu-check.sh [OUT] [--only PART,…] [--minutes M] [--device D] [--tiny] [--commit C] [--python P]
#
# One command on a machine with a GPU: is Rondo right there, and how quick? In a checkout it needs Java 25 and Maven and, for a
# library, nvcc; in an unpacked bundle (scripts/bundle.sh) it needs nothing but the driver. Each part has its own log in OUT
# (gpu-check), a time limit and one line; what fails does not stop the rest. Last, OUT/gpu-check.json and OUT/gpu-check.md hold
# everything; exit 1 if a part failed.
#
#   facts       the GPU's name, driver, clocks, compute capability, memory; what `rondo devices` says
#   tests       the table of operations, programs, golden models, training runs and optimisers on the GPU, by JUnit
#   memcheck, racecheck, initcheck, synccheck
#               the kernels' native self-test under compute-sanitizer: each kernel on tensor cores at a small shape, then as many
#               operations as the limit allows
#   kernels     limits, products and every operation at the shapes of the published models
#   own         the products again by Rondo's own kernel (RONDO_CUBLASLT=none)
#   steps       training step and cached decoding step
#   jmh         cost of a call, a launch, a recorded launch, a replay
#   peers       the same work in PyTorch, where the Python has it (--python, python3)
#
# With --minutes 10, the default, all limits together are below ten minutes on an H100; half of the parts in each of two calls of
# --minutes 20 give each twice the time. --tiny --device emulated runs the same commands at toy size without a GPU.
set -uo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)

out=gpu-check only="" minutes=10 device=cuda tiny=no commit="" python=python3
while [ $# -gt 0 ]; do
    case "$1" in
        --only) only=,$2, && shift 2 ;;
        --minutes) minutes=$2 && shift 2 ;;
        --device) device=$2 && shift 2 ;;
        --commit) commit=$2 && shift 2 ;;
        --python) python=$2 && shift 2 ;;
        --tiny) tiny=yes && shift ;;
        -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
        *) out=$1 && shift ;;
    esac
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/facts.tsv "$out"/parts.tsv
failed=0

if [ -x "$here/rt/bin/java" ]; then
    root=$here java=$here/rt/bin/java native=$here/native peers=$here/peers
    program="$here/lib/*" benchmarks="$here/bench/*:$here/lib/*" junit="$here/test/*"
    tests=("$here"/test/{engine,nn,optim,infer,train})
    shared=$here/shared rondo=$here/bin/rondo
    [ -n "$commit" ] || commit=$(sed -n 's/^commit //p' "$here/VERSION")
else
    root=$(cd "$here/.." && pwd) rondo=$root/rondo
    java=""
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/*25* "$HOME"/.sdkman/candidates/java/25*; do
        if [ -x "$home/bin/java" ] && grep -qs '^JAVA_VERSION="25[".+_-]' "$home/release"; then java=$home/bin/java && break; fi
    done
    [ -n "$java" ] || { echo "gpu-check: no Java 25 found; set JAVA_HOME, or use a bundle (scripts/bundle.sh)" >&2; exit 2; }
    if [ "${BUILT:-}" != 1 ]; then
        echo "gpu-check: building; its time is not counted"
        (cd "$root" && mvn -q -B -DskipTests package) >"$out/build.log" 2>&1 || { echo "gpu-check: the build failed, see $out/build.log" >&2; exit 2; }
    fi
    repository=$HOME/.m2/repository console=org/junit/platform/junit-platform-console-standalone/1.14.4
    junit=$repository/$console/junit-platform-console-standalone-1.14.4.jar
    if [ ! -f "$junit" ]; then
        (cd "$root" && mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.9.0:get -Dtransitive=false \
            -Dartifact=org.junit.platform:junit-platform-console-standalone:1.14.4) >>"$out/build.log" 2>&1
    fi
    jmh=$repository/org/openjdk/jmh/jmh-core/1.37/jmh-core-1.37.jar
    jmh=$jmh:$repository/net/sf/jopt-simple/jopt-simple/5.0.4/jopt-simple-5.0.4.jar
    jmh=$jmh:$repository/org/apache/commons/commons-math3/3.6.1/commons-math3-3.6.1.jar
    program="$root/cli/target/classes:$root/cli/target/lib/*"
    benchmarks="$root/bench/target/classes:$jmh:$root/cli/target/lib/*"
    tests=("$root"/{engine,nn,optim,infer,train}/target/test-classes)
    shared=$root/../shared native=$root/kernels/target/native/rondo/kernels peers=$root/bench/peers
    if [ "$device" = cuda ] && [ -f "$native/librondo_cuda.so" ]; then
        make --no-print-directory -s -C "$root/kernels" OUT="$native" test_cuda >>"$out/build.log" 2>&1
    fi
    [ -n "$commit" ] || commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
fi
flags=(--enable-native-access=ALL-UNNAMED -Djava.awt.headless=true)
gpu=no
if [ "$device" = cuda ] && nvidia-smi >/dev/null 2>&1; then gpu=yes; fi

# cuBLASLt is looked for beside the driver and in the toolkit; PyTorch brings one of its own, which serves where these have none.
if [ "$gpu" = yes ] && [ -z "${RONDO_CUBLASLT:-}" ] && ! ldconfig -p | grep -q 'libcublasLt\.so\.1[23]' \
    && ! ls "${CUDA_PATH:-/usr/local/cuda}"/lib64/libcublasLt.so.1[23] >/dev/null 2>&1; then
    found=$("$python" -c 'import glob, sys
for p in sys.path:
    for f in sorted(glob.glob(p + "/nvidia/*/lib/libcublasLt.so.1[23]")): print(f); raise SystemExit' 2>/dev/null)
    if [ -n "$found" ]; then export RONDO_CUBLASLT=$found; fi
fi

fact() { # NAME VALUE: for the report
    printf '%s\t%s\n' "$1" "$(printf %s "$2" | tr '\t\n' '  ')" >>"$out/facts.tsv"
}
result() { # PART RESULT SECONDS DETAIL
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$out/parts.tsv"
    printf '%-10s %-8s %4s s  %s\n' "$1" "$2" "$3" "$4"
    [ "$2" != FAILED ] || failed=1
}
wanted() { [ -z "$only" ] || [[ $only == *,$1,* ]]; }
limit() { # SECONDS OF TEN MINUTES: what --minutes makes of them
    awk -v s="$1" -v m="$minutes" 'BEGIN { printf "%d", s * m / 10 }'
}
# run PART SECONDS COMMAND…: its output to OUT/PART.log; leaves status and took.
run() {
    local part=$1 seconds=$2 start=$SECONDS
    shift 2
    timeout --kill-after=5 "$seconds" "$@" >"$out/$part.log" 2>&1
    status=$?
    took=$((SECONDS - start))
}
# verdict PART DETAIL: the ordinary one; the log's first exception, or its last line, says why it failed.
verdict() {
    case $status in
        0) result "$1" ok "$took" "$2" ;;
        124 | 137) result "$1" partial "$took" "ended at its limit; $2" ;;
        *) result "$1" FAILED "$took" "exit $status: $({ grep -m 1 -E '(Exception|Error): ' "$out/$1.log" || tail -n 1 "$out/$1.log"; } | cut -c1-200)" ;;
    esac
}
measured() { # FILE: how many figures a document holds
    if [ -f "$1" ]; then echo "$(grep -c '"rounds"' "$1") figures, $(grep -c '"reason"' "$1") not measured"; else echo "no figures"; fi
}

fact date "$(date -u +%FT%TZ)"
fact commit "$commit"
fact device "$device"
[ "$tiny" = no ] || fact shapes "toy shapes: these figures test the program and say nothing of speed"

if wanted facts; then
    facts() {
        echo "commit $commit"
        uname -srm
        timeout 20 "$rondo" devices
        if [ "$gpu" = yes ]; then
            timeout 10 nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,clocks.sm,clocks.max.sm,clocks.mem,clocks.max.mem,power.limit,persistence_mode,ecc.mode.current --format=csv
            timeout 10 nvidia-smi -q -d CLOCK,POWER
        fi
    }
    start=$SECONDS
    facts >"$out/facts.log" 2>&1
    status=$? took=$((SECONDS - start))
    if [ "$gpu" = yes ]; then
        names=name,driver_version,compute_cap,memory.total,clocks.max.sm,clocks.max.mem,power.limit
        IFS=, read -ra labels <<<"$names"
        IFS=, read -ra values <<<"$(nvidia-smi --query-gpu=$names --format=csv,noheader -i 0)"
        for i in "${!labels[@]}"; do fact "${labels[$i]}" "${values[$i]# }"; done
    fi
    fact "rondo devices" "$(grep -m 1 "^ *${device%%:*} " "$out/facts.log" | tr -s ' ' || true)"
    if [ "$device" = cuda ] && [ "$gpu" = no ]; then
        result facts FAILED "$took" "no GPU answers nvidia-smi; --device emulated --tiny runs without one"
    else
        verdict facts "$(grep -m 1 "^ *${device%%:*} " "$out/facts.log" | tr -s ' ' | cut -c1-120 || true)"
    fi
fi

if wanted tests; then
    golden=absent
    if [ -d "$shared/golden" ]; then golden=present; fi
    scan=$(printf ':%s' "${tests[@]}")
    classes='GpuFunctions|Gradients|ProgramProperties|Bind|DeviceMemory|FiniteCheck|AwaitedSteps|Vectors|Golden.*|DecodeStep'
    classes="^rondo\\..*($classes|DistillationStep|EllisAdam|ParameterGroup|UpdatePolicy|Forward)Test\$"
    run tests "$(limit 80)" "$java" "${flags[@]}" -Xmx3g "-Drondo.gpu=$device" "-Drondo.shared=$shared" \
        -cp "$junit$scan:$program" org.junit.platform.console.ConsoleLauncher execute --scan-classpath="${scan#:}" \
        --include-classname="$classes" --details=summary --disable-banner --reports-dir="$out/junit"
    count() { sed -n "s/^\[ *\([0-9]*\) tests $1.*/\1/p" "$out/tests.log" | tail -n 1; }
    detail="$(count successful) passed, $(count failed) failed, $(count aborted) skipped; golden files $golden"
    if [ "$status" = 1 ]; then
        result tests FAILED "$took" "$detail"
    else
        verdict tests "$detail"
    fi
fi

for tool in memcheck racecheck initcheck synccheck; do
    wanted "$tool" || continue
    if [ ! -x "$native/test_cuda" ]; then
        result "$tool" skipped 0 "no self-test for the GPU here (no nvcc when it was built)"
    elif [ "$gpu" = no ]; then
        result "$tool" skipped 0 "no GPU"
    elif ! command -v compute-sanitizer >/dev/null; then
        result "$tool" skipped 0 "compute-sanitizer is not on the PATH; it is part of the CUDA toolkit"
    else
        mapfile -t groups < <("$native/test_cuda" --list | grep '^tensor_' && "$native/test_cuda" --list | grep -v '^tensor_')
        run "$tool" "$(limit 30)" compute-sanitizer --tool "$tool" --error-exitcode 9 "$native/test_cuda" "${groups[@]}"
        passed=$(grep -c '^  [a-z_]* *ok ' "$out/$tool.log")
        errors=$(sed -n 's/^=* *ERROR SUMMARY: //p' "$out/$tool.log" | tail -n 1)
        if grep -q '^=* *\(Invalid\|Error\|Uninitialized\|Barrier error\|Race reported\)' "$out/$tool.log"; then
            result "$tool" FAILED "$took" "$passed operations passed; ${errors:-errors in the log}"
        else
            verdict "$tool" "$passed operations passed; ${errors:-no error up to there}"
        fi
    fi
done

toys=()
[ "$tiny" = no ] || toys=(--tiny yes --batch 2 --frozen 2 --tracked 2 --rounds 3 --seconds 0.002)
bench() { # FILE SECONDS OPTION…
    local file=$1 seconds=$2
    shift 2
    run "$file" "$seconds" "$java" "${flags[@]}" -cp "$benchmarks" rondo.bench.gpu.Main --device "$device" "${toys[@]}" \
        --limit $((seconds > 20 ? seconds - 12 : seconds / 2)) --out "$out/$file.json" "$@"
    if [ "$status" = 0 ] && ! grep -q '"rounds"' "$out/$file.json"; then status=1; fi
    verdict "$file" "$(measured "$out/$file.json")"
}
if wanted kernels; then bench kernels "$(limit 100)" --parts limits,products,kernels,decode-kernels; fi
if wanted own; then
    RONDO_CUBLASLT=none bench own "$(limit 25)" --parts limits,products --types bf16 --contender "Rondo, own product"
fi
if wanted steps; then bench steps "$(limit 80)" --parts limits,train,decode; fi

if wanted jmh; then
    if [ "$tiny" = yes ]; then turns=(-f 0 -wi 1 -i 1 -w 100ms -r 100ms); else turns=(-f 1 -wi 2 -i 3 -w 300ms -r 500ms); fi
    run jmh "$(limit 30)" "$java" "${flags[@]}" -cp "$benchmarks" org.openjdk.jmh.Main 'rondo.bench.jmh.(Launch|Graph)Benchmark' \
        -p "device=$device" "${turns[@]}" -foe false -rf json -rff "$out/jmh.json"
    verdict jmh "$(grep -c '"benchmark"' "$out/jmh.json" 2>/dev/null || echo 0) benchmarks"
fi

if wanted peers; then
    if ! "$python" -c 'import torch' 2>/dev/null; then
        result peers skipped 0 "$python has no PyTorch (--python PROGRAM)"
    else
        seconds=$(limit 130) on=$device
        [ "$device" = emulated ] && on=cpu
        options=(--device "$on" --limit $((seconds > 20 ? seconds - 15 : seconds)) --out "$out/peers.json")
        [ "$tiny" = no ] || options+=(--tiny --batch 2 --frozen 2 --tracked 2 --rounds 2 --seconds 0.002 --modes eager --presets tiny-llama)
        PYTHONUNBUFFERED=1 run peers "$seconds" "$python" "$peers/gpu_peers.py" "${options[@]}"
        verdict peers "$(measured "$out/peers.json")"
    fi
fi

"$java" "${flags[@]}" -cp "$benchmarks" rondo.bench.gpu.Merge --in "$out" && echo "gpu-check: $out/gpu-check.md and .json"
exit $failed

#!/usr/bin/env bash
# scripts/bundle.sh OUT.tar.xz [--with GOLDEN_FOLDER] [--data]: everything that a machine with a GPU, and without Java, Maven and
# network, needs to test and to measure Rondo, and to train with it, in one archive of at most 40 MiB.
#
#   tar -xf OUT.tar.xz && rondo-bundle/bin/rondo devices && rondo-bundle/gpu-check.sh OUT_FOLDER
#   cd rondo-bundle && ./train-node.sh RECIPE      (or sbatch train-slurm.sh RECIPE)
#
# --data adds what reads Arrow and Zstandard, and reads and writes Parquet (DuckDB for this kind of machine): 17 MB more, of at most 64 MiB then. Without it data
# is text and JSON lines.
#
# Inside: a Java run time linked to what is used (rt/), the program without DuckDB and pictures (lib/), its tests and JUnit (test/), the
# measurements and JMH (bench/), the kernels' self-test for the GPU with its library (native/), PyTorch's side of the comparison
# (peers/), golden files where they are given (shared/golden/), gpu-check.sh, and VERSION: commit and date.
#
# Needs a JDK 25, Maven, gcc, make and xz; without nvcc there is no library for a GPU in it, which is said. BUILT=1 packs what
# lies in the target folders as it is.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
limit=$((40 << 20))

out=${1:-} golden="" data=no
if [ -z "$out" ]; then
    echo "usage: scripts/bundle.sh OUT.tar.xz [--with GOLDEN_FOLDER] [--data]" >&2
    exit 2
fi
shift
while [ $# -gt 0 ]; do
    case "$1" in
        --with) golden=${2:?--with needs a folder} && shift 2 ;;
        --data) data=yes && limit=$((64 << 20)) && shift ;;
        *) echo "bundle: \"$1\": expected --with GOLDEN_FOLDER or --data" >&2 && exit 2 ;;
    esac
done

jdk=""
for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*25* "$HOME"/.sdkman/candidates/java/25*; do
    if [ -x "$candidate/bin/jlink" ] && grep -qs '^JAVA_VERSION="25[".+_-]' "$candidate/release"; then jdk=$candidate && break; fi
done
[ -n "$jdk" ] || { echo "bundle: no JDK 25 with jlink found; set JAVA_HOME to one" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/rondo-bundle
mkdir -p "$bundle"/{bin,lib,test,bench,native,peers}

cd "$here"
if [ "${BUILT:-}" != 1 ]; then
    echo "bundle: building" >&2
    mvn -q -B -DskipTests package >&2
fi

# Libraries and the self-test for the GPU: from the jar that was just built, so that both are one build.
kernels=$here/kernels/target/native/rondo/kernels
if [ -f "$kernels/librondo_cuda.so" ]; then
    make --no-print-directory -s -C kernels OUT="$kernels" test_cuda
    cp "$kernels/librondo_cuda.so" "$kernels/test_cuda" "$bundle/native/"
else
    echo "bundle: no librondo_cuda.so (no nvcc): the bundle has no library for a GPU" >&2
fi

# The run time: what the jars name and find by reflection, but for java.desktop, a quarter of it, which only draws pictures.
modules=java.base,java.instrument,java.logging,java.management,java.net.http,java.sql,java.xml,jdk.management,jdk.unsupported,jdk.zipfs
"$jdk/bin/jlink" --add-modules "$modules" --compress zip-0 --strip-debug --no-header-files --no-man-pages --vm server --output "$bundle/rt"

# Jars are packed again without compression: xz then sees through them, and equal files in two of them cost nothing.
repack() { # JAR FOLDER
    local unpacked=$work/jar
    rm -rf "$unpacked" && mkdir "$unpacked"
    (cd "$unpacked" && "$jdk/bin/jar" -xf "$1")
    rm -f "$unpacked"/libduckdb_java.so_{linux_arm64,macos_arm64,windows_amd64}
    find "$unpacked" -path '*/libzstd-jni-*' ! -path '*/linux/amd64/*' ! -name '*.jar' -delete # other machines' libraries
    "$jdk/bin/jar" --create --no-compress --no-manifest --file "$2/$(basename "$1")" -C "$unpacked" .
}
# DuckDB, zstd-jni and arrow-format read what no test and no measurement here does; XChart draws.
for jar in cli/target/rondo-cli-*.jar cli/target/lib/*.jar; do
    case $data/$(basename "$jar") in no/duckdb* | no/zstd-jni* | no/arrow* | no/flatbuffers* | */xchart*) ;; *) repack "$here/$jar" "$bundle/lib" ;; esac
done

artifact() { # GROUP/ARTIFACT VERSION: its file in Maven's local repository, fetched where it is absent
    local file=$HOME/.m2/repository/$1/$2/$(basename "$1")-$2.jar
    if [ ! -f "$file" ]; then
        mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.9.0:get \
            -Dartifact="$(dirname "$1" | tr / .):$(basename "$1"):$2" -Dtransitive=false >&2
    fi
    echo "$file"
}
property() { # of the parent POM
    sed -n "s:.*<$1>\(.*\)</$1>.*:\1:p" pom.xml | head -1
}
jmh=$(property jmh.version)
for jar in bench/target/rondo-bench-*.jar "$(artifact org/openjdk/jmh/jmh-core "$jmh")" \
    "$(artifact net/sf/jopt-simple/jopt-simple 5.0.4)" "$(artifact org/apache/commons/commons-math3 3.6.1)"; do
    repack "$(readlink -f "$jar")" "$bundle/bench"
done
repack "$(artifact org/junit/platform/junit-platform-console-standalone 1.14.4)" "$bundle/test"
for module in engine nn optim train infer; do
    mkdir "$bundle/test/$module"
    cp -r "$module/target/test-classes/." "$bundle/test/$module/"
done
# These need what is not here: the sources, or a library to read class files.
rm -f "$bundle"/test/engine/rondo/engine/ArchitectureTest*.class "$bundle"/test/infer/rondo/infer/DependenciesTest*.class

cp bench/peers/*.py "$bundle/peers/"
cp scripts/gpu-check.sh scripts/train-node.sh scripts/train-slurm.sh "$bundle/"
if [ -n "$golden" ]; then
    mkdir -p "$bundle/shared"
    cp -r "$golden" "$bundle/shared/golden"
fi
{
    echo "commit $(git describe --always --dirty 2>/dev/null || echo unknown)"
    echo "date $(date -u +%FT%TZ)"
    sed -n 's/^IMPLEMENTOR_VERSION="\(.*\)"/java \1/p' "$jdk/release"
    if command -v nvcc >/dev/null; then echo "nvcc $(nvcc --version | sed -n 's/.*release .*, V//p')"; fi
} >"$bundle/VERSION"

cat >"$bundle/bin/rondo" <<'LAUNCHER'
#!/bin/sh
# rondo COMMAND …, on the Java beside it.
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck disable=SC2086 # several options in one variable
exec "$here/rt/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC -Djava.awt.headless=true ${RONDO_JAVA_OPTS:-} \
    -cp "$here/lib/*" rondo.cli.Main "$@"
LAUNCHER
chmod +x "$bundle/bin/rondo" "$bundle/gpu-check.sh"

# Sorted, with one time and owner: the same build gives the same bytes but for VERSION.
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct 2>/dev/null || echo 0)" \
    -cf - rondo-bundle | xz --lzma2=preset=6,dict=64MiB >"$out"
bytes=$(stat -c %s "$out")
awk -v b="$bytes" -v f="$out" 'BEGIN { printf "bundle: %s, %.1f MiB\n", f, b / 1048576 }'
if [ "$bytes" -gt "$limit" ]; then
    echo "bundle: larger than $((limit >> 20)) MiB" >&2
    exit 1
fi

#!/usr/bin/env bash
# registers.sh LOG...: a table from what ptxas -v says: architecture, kernel, registers, bytes spilled. Sorted, so that it can be
# compared; its first line is the compiler's version, without which a comparison means nothing.
set -euo pipefail
echo "nvcc $("${NVCC:-nvcc}" --version | sed -n 's/.*release .*, V//p')"
awk '
/Compiling entry function/ { match($0, /\047[^\047]+\047/); name = substr($0, RSTART + 1, RLENGTH - 2); arch = $0; sub(/.* for \047/, "", arch); sub(/\047.*/, "", arch) }
/bytes spill stores/ { for (i = 1; i <= NF; i++) if ($i == "bytes" && $(i + 1) == "spill" && $(i + 2) ~ /^stores/) spill = $(i - 1) }
/Used [0-9]+ registers/ { for (i = 1; i <= NF; i++) if ($i == "Used") used = $(i + 1); print arch, name, used, spill }
' "$@" | c++filt | sort -u

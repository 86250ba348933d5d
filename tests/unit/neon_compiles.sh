#!/bin/sh
# neon_compiles.sh SOURCE_DIRECTORY HIGHWAY_INCLUDE_DIRECTORY: every kernel compiles for AArch64, whose NEON no machine
# of ours runs. Exit code 77 where there is no cross compiler (Debian: g++-aarch64-linux-gnu).
set -eu
compiler=aarch64-linux-gnu-g++
command -v "$compiler" > /dev/null || { echo "skipped: no $compiler"; exit 77; }
ccache=$(command -v ccache || true)
object=$(mktemp)
trap 'rm -f "$object"' EXIT
for kernel in "$1"/src/engine/cpu/kernels/*.cpp; do
  # Highway's headers are looked for last: their folder may hold this machine's C library as well.
  $ccache "$compiler" -std=c++20 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -ffp-contract=off -Werror \
    -I "$1/src" -idirafter "$2" -c "$kernel" -o "$object"
  # What is not written for Highway the compiler vectorises by itself.
  grep -q hwy/ "$kernel" || continue
  grep -q N_NEON "$object" || { echo "$kernel has no code for NEON" >&2; exit 1; }
done

#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Run it as root or through sudo, as often as you like.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/run.sh [--quick | --long] [--help]

  (nothing)  release build with all tests, the address, undefined-behaviour and thread sanitizers, a short run
             of the fuzzers, and the formatting check
  --quick    release build and its tests only
  --long     the same as nothing, with long sweeps: ten minutes for each fuzzer, tests/fault/run.sh --long

SPOT_TEST_MNIST names a folder with the four MNIST files. Unset, ../shared/mnist is taken where it exists, else
the files are downloaded, else the tests use synthetic digits and say so.
END
}

mode=normal
case "${1:-}" in
  "") ;;
  --quick) mode=quick ;;
  --long) mode=long ;;
  --help | -h) usage; exit 0 ;;
  *) usage >&2; exit 64 ;;
esac

cd "$(dirname "$0")/.."
. cmake/install_packages.sh
install_packages $build_packages doctest-dev libbenchmark-dev python3 python3-numpy curl
install_packages --optional python3-torch e2fsprogs xfsprogs
if [ $mode != quick ]; then install_packages --optional clang libclang-rt-14-dev clang-format; fi

jobs=$(nproc)
build() {
  echo "== $1: build"
  mkdir -p build
  { cmake --preset "$1" && nice cmake --build --preset "$1" -- -j"$jobs"; } >"build/$1.log" 2>&1 ||
    { grep -E -A 12 'error|FAILED' "build/$1.log" | head -60; echo "the whole log is build/$1.log"; exit 1; }
}

find_mnist() {
  [ -n "${SPOT_TEST_MNIST:-}" ] && return
  SPOT_TEST_MNIST=$(realpath ../shared/mnist 2>/dev/null) && [ -d "$SPOT_TEST_MNIST" ] && export SPOT_TEST_MNIST && return
  local folder=build/mnist file
  mkdir -p $folder
  for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    [ -s "$folder/$file-ubyte.gz" ] && continue
    if ! curl -fsSL --max-time 120 -o "$folder/part" \
      "https://ossci-datasets.s3.amazonaws.com/mnist/$file-ubyte.gz" 2>/dev/null; then
      echo "MNIST is neither here nor to be downloaded: the tests use synthetic digits"
      unset SPOT_TEST_MNIST
      return
    fi
    mv "$folder/part" "$folder/$file-ubyte.gz"
  done
  SPOT_TEST_MNIST=$(realpath $folder)
  export SPOT_TEST_MNIST
}

check_format() {
  command -v clang-format >/dev/null || { echo "== clang-format is missing: formatting is not checked"; return; }
  echo "== formatting"
  git ls-files '*.h' '*.cpp' '*.c' | xargs clang-format --dry-run --Werror
}

run_fuzzers() {
  command -v clang++ >/dev/null || { echo "== clang is missing: no fuzzing"; return; }
  build fuzz
  local seconds=10 target
  [ $mode = long ] && seconds=600
  for target in build/fuzz/tests/fuzz/*_fuzzer; do
    echo "== $(basename "$target"): $seconds s"
    mkdir -p "build/corpus/$(basename "$target")"
    "$target" -max_total_time=$seconds -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1 \
      "build/corpus/$(basename "$target")" >"build/fuzzing.log" 2>&1 || { tail -n 40 build/fuzzing.log; exit 1; }
    grep -a executed_units build/fuzzing.log
  done
}

find_mnist
if [ $mode != quick ]; then
  check_format
  run_fuzzers
  for sanitizer in asan tsan; do
    build $sanitizer
    ctest --preset $sanitizer -LE 'slow|package|python' -j "$jobs" --quiet --output-log build/$sanitizer-tests.log ||
      { cat build/$sanitizer-tests.log; exit 1; }
    tail -n 4 build/$sanitizer-tests.log
  done
fi
build release
ctest --preset release -j "$jobs"
[ $mode != long ] || tests/fault/run.sh --long --build build/release

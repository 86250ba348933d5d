#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Run it as root or through sudo, as often as you like.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/run.sh [--quick | --long] [--help]

  (nothing)  release build with all tests, the address, undefined-behaviour and thread sanitizers, a short run
             of the fuzzers, and the formatting check
  --quick    release build and its tests only
  --long     the same as nothing, with long sweeps: 500 kills, ten minutes for each fuzzer

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
install_packages $build_packages doctest-dev libbenchmark-dev python3 python3-numpy
install_packages --optional python3-torch
if [ $mode != quick ]; then install_packages --optional clang libclang-rt-14-dev clang-format; fi

jobs=$(nproc)
build() {
  echo "== $1: build"
  cmake --preset "$1" >/dev/null
  nice cmake --build --preset "$1" -- -j"$jobs" | tail -n 1
}

find_mnist() {
  if [ -n "${SPOT_TEST_MNIST:-}" ]; then return; fi
  if [ -d ../shared/mnist ]; then
    SPOT_TEST_MNIST=$(realpath ../shared/mnist)
  else
    local folder=build/mnist file base=https://ossci-datasets.s3.amazonaws.com/mnist
    mkdir -p $folder
    for file in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
      [ -s $folder/$file.gz ] || python3 -c "import sys, urllib.request as u; \
        open(sys.argv[2] + '.part', 'wb').write(u.urlopen(sys.argv[1], timeout=20).read())" \
        $base/$file.gz $folder/$file.gz 2>/dev/null && { [ -s $folder/$file.gz ] || mv $folder/$file.gz.part $folder/$file.gz; } ||
        { echo "MNIST is neither here nor to be downloaded: the tests use synthetic digits"; return; }
    done
    SPOT_TEST_MNIST=$(realpath $folder)
  fi
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
    "$target" -max_total_time=$seconds -rss_limit_mb=4096 -verbosity=0 -print_final_stats=0 \
      "build/corpus/$(basename "$target")" 2>&1 | tail -n 3
  done
}

find_mnist
[ $mode = long ] && export SPOT_TEST_KILLS=500
if [ $mode != quick ]; then
  check_format
  run_fuzzers
  for sanitizer in asan tsan; do
    build $sanitizer
    ctest --preset $sanitizer -LE 'slow|package' -j "$jobs" | tail -n 4
  done
fi
build release
ctest --preset release -j "$jobs"

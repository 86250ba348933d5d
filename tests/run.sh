#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Run it as root or through sudo, as often as you like.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/run.sh [--quick | --long] [--help]

  (nothing)  in this order: formatting, lint, the release build, its quick tests and the bindings; the address, undefined-behaviour
             and thread sanitizers; a short run of the fuzzers; the GPU engine's module where the CUDA toolkit is; the
             slow tests of the release build (kills, power cuts, whole runs)
  --quick    formatting, lint, the release build and its quick tests: what to run before each commit
  --long     the same as nothing, with long sweeps: ten minutes for each fuzzer, tests/fault/run.sh --long, packages of
             Debian 12 and of 13 in fresh roots, the Python wheel

SPOT_TEST_MNIST names a folder with the four MNIST files. Unset, ../shared/mnist is taken where it exists, else
the files are downloaded, else the tests use synthetic digits and say so. CI=true makes warnings errors.
One test by name: ctest --preset release -R NAME.
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
# Formatting and lint are judged by one version: others see other things.
install_packages --optional clang-format-14 clang-tidy-14
install_packages --optional e2fsprogs xfsprogs g++-aarch64-linux-gnu abigail-tools
if [ $mode != quick ]; then
  install_packages --optional python3-torch python3-flatbuffers clang debootstrap $deb_packages
  # The bindings' languages and their checkers; the tests of one that is not to be had are skipped.
  install_packages --optional golang-go cargo rustc rustfmt rust-clippy mypy shellcheck jq busybox
  # The fuzzers' runtime; its package is named after clang's version.
  clang_version=$(clang -dumpversion 2>/dev/null | cut -d. -f1) || true
  [ -z "$clang_version" ] || install_packages --optional "libclang-rt-$clang_version-dev"
fi

jobs=$(nproc)
warnings=OFF
[ -z "${CI:-}" ] || warnings=ON
build() {
  echo "== $1: build"
  mkdir -p build
  { cmake --preset "$1" -DSPOT_WARNINGS_AS_ERRORS=$warnings && nice cmake --build --preset "$1" -- -j"$jobs"; } >"build/$1.log" 2>&1 ||
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

# The GPU engine's module compiles, links and loads wherever the toolkit is; what needs a card is skipped without one.
run_cuda() {
  export PATH="$PATH:/usr/local/cuda/bin"
  if ! nvcc -E -x cu ${CUDNN_ROOT:+-I"$CUDNN_ROOT/include"} - <<<'#include <cudnn_graph.h>' >/dev/null 2>&1; then
    echo "== skipped: the GPU engine, for want of the CUDA toolkit (nvcc) or cuDNN 9"
    return
  fi
  build cuda
  ctest --preset cuda -j "$jobs"
}

check_format() {
  command -v clang-format-14 >/dev/null || { echo "== clang-format-14 is missing: formatting is not checked"; return; }
  echo "== formatting"
  git ls-files '*.h' '*.hpp' '*.cpp' '*.c' '*.cu' | xargs clang-format-14 --dry-run --Werror
}

# What changed since the branch left its upstream, or else in the last commit: the whole tree takes half an hour.
changed_sources() {
  local base
  base=$(git merge-base HEAD '@{upstream}' 2>/dev/null) || base=HEAD
  [ "$base" != "$(git rev-parse HEAD)" ] || base=HEAD~1
  git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' 'examples/*.cpp' 2>/dev/null || true
}

# Needs the release build's compile_commands.json and generated headers.
check_lint() {
  command -v clang-tidy-14 >/dev/null || { echo "== clang-tidy-14 is missing: no lint"; return; }
  local files most=12
  files=$(changed_sources | head -n $most)
  [ -n "$files" ] || return 0
  echo "== lint of what changed (at most $most files)"
  # shellcheck disable=SC2086
  nice clang-tidy-14 -p build/release --extra-arg=-Wno-unknown-warning-option --quiet $files 2>build/lint.log
}

# Inputs grow in build/corpus, out of the seeds in tests/fuzz/corpus, what was found before and the golden files.
fuzz() {
  local subject=$1 length=$2 seconds=$3 seed=$((RANDOM * 32768 + RANDOM)) folder
  local options="-seed=$seed -max_len=$length -max_total_time=$seconds" inputs="build/corpus/$subject"
  mkdir -p "$inputs"
  for folder in tests/fuzz/corpus/$subject tests/fuzz/found/$subject; do
    [ -d "$folder" ] && inputs="$inputs $folder"
  done
  if [ "$subject" = checkpoint ]; then
    mkdir -p build/corpus/golden && cp tests/golden/*.spck build/corpus/golden/ && inputs="$inputs build/corpus/golden"
  fi
  [ -f "tests/fuzz/$subject.dict" ] && options="$options -dict=tests/fuzz/$subject.dict"
  # shellcheck disable=SC2086
  "build/fuzz/tests/fuzz/${subject}_fuzzer" $options -rss_limit_mb=4096 -artifact_prefix=build/found- \
    -print_final_stats=1 $inputs >"build/fuzzing-$subject.log" 2>&1 ||
    { grep -av '^#' "build/fuzzing-$subject.log" | tail -n 60
      echo "put the input that build/found-… holds into tests/fuzz/found/$subject when it is fixed"; exit 1; }
  printf '%-21s seed %-11s %s\n' "$subject" "$seed" "$(grep -a DONE "build/fuzzing-$subject.log")"
}

run_fuzzers() {
  command -v clang++ >/dev/null || { echo "== clang is missing: no fuzzing (what was found before is replayed all the same)"; return; }
  build fuzz
  local seconds=6
  [ $mode = long ] && seconds=600
  echo "== fuzzing, $seconds s each: inputs tried, covered edges (cov) and features (ft)"
  fuzz checkpoint 8192 $seconds
  fuzz checkpoint_structure 512 $seconds
  fuzz config 512 $seconds
  fuzz gzip 512 $seconds
  fuzz idx 256 $seconds
  fuzz metadata 256 $seconds
  fuzz model 1024 $seconds
}

find_mnist
check_format
build release
check_lint
echo "== quick tests"
ctest --preset release -LE 'slow|bindings|long' -j "$jobs"
[ $mode != quick ] || exit 0
echo "== bindings"
ctest --preset release -L bindings -LE slow  # one by one: they kill, signal and wait

for sanitizer in asan tsan; do
  build $sanitizer
  ctest --preset $sanitizer -j "$jobs" --quiet --output-log build/$sanitizer-tests.log ||
    { cat build/$sanitizer-tests.log; exit 1; }
  tail -n 4 build/$sanitizer-tests.log
done
run_fuzzers
run_cuda
echo "== slow tests"
ctest --preset release -L slow -j "$jobs"
[ $mode = long ] || exit 0
tests/fault/run.sh --long --build build/release
echo "== packages"
ctest --preset release -R '^python_wheel$'
for suite in bookworm trixie; do
  tests/packages/debian_packages.sh build/debian -DSPOT_WARNINGS_AS_ERRORS=$warnings $suite || [ $? = 77 ]
done

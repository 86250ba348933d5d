#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Run it as root or through sudo, as often as you like.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/run.sh [--quick | --long] [--help]

  (nothing)  in this order: formatting, lint, the release build, its quick tests and the bindings; the address, undefined-behaviour
             and thread sanitizers; a short run of the fuzzers; the GPU engine's module where the CUDA toolkit is; the slow tests
             of the release build (kills, power cuts, whole runs). All but the first is built beside the tests before it
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
install_packages --optional e2fsprogs xfsprogs fdisk dosfstools shellcheck jq g++-aarch64-linux-gnu abigail-tools
if [ $mode != quick ]; then
  install_packages --optional python3-venv python3-torch python3-flatbuffers clang debootstrap $deb_packages
  # The bindings' languages and their checkers; the tests of one that is not to be had are skipped.
  install_packages --optional golang-go cargo rustc rustfmt rust-clippy mypy busybox
  # The fuzzers' runtime; its package is named after clang's version.
  clang_version=$(clang -dumpversion 2>/dev/null | cut -d. -f1) || true
  [ -z "$clang_version" ] || install_packages --optional "libclang-rt-$clang_version-dev"
fi

jobs=$(nproc)
warnings=OFF
[ -z "${CI:-}" ] || warnings=ON
mkdir -p build

# What begins now, and after how many minutes.
stage() { printf '== %d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

build() {
  { cmake --preset "$1" -DSPOT_WARNINGS_AS_ERRORS=$warnings && nice -n 19 cmake --build --preset "$1" -- -j"$jobs"; } \
    >"build/$1.log" 2>&1
}

# Builds the presets one after the other beside the tests, of which many wait more than they compute.
build_beside() {
  local preset
  rm -f build/*.built
  set -m  # a process group of its own, which can be ended whole
  for preset; do build "$preset" && touch "build/$preset.built" || exit 1; done &
  builder=$!
  set +m
  trap 'kill -- -$builder 2>/dev/null || true' EXIT
}

# Builds a preset, or waits until it is built beside the tests.
build_now() {
  stage "$1: build"
  while kill -0 "${builder:-none}" 2>/dev/null && [ ! -e "build/$1.built" ]; do sleep 0.2; done
  build "$1" || { grep -E -A 12 'error|FAILED' "build/$1.log" | head -60; echo "the whole log is build/$1.log"; exit 1; }
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

have_clang() { command -v clang++ >/dev/null; }

have_cuda() { nvcc -E -x cu ${CUDNN_ROOT:+-I"$CUDNN_ROOT/include"} - <<<'#include <cudnn_graph.h>' >/dev/null 2>&1; }

# The GPU engine's module compiles, links and loads wherever the toolkit is; what needs a card is skipped without one.
run_cuda() {
  have_cuda || { stage "skipped: the GPU engine, for want of the CUDA toolkit (nvcc) or cuDNN 9"; return; }
  build_now cuda
  ctest --preset cuda -j "$jobs"
}

check_format() {
  command -v clang-format-14 >/dev/null || { stage "clang-format-14 is missing: formatting is not checked"; return; }
  stage formatting
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
  command -v clang-tidy-14 >/dev/null || { stage "clang-tidy-14 is missing: no lint"; return; }
  local files most=12
  files=$(changed_sources | head -n $most)
  [ -n "$files" ] || return 0
  stage "lint of what changed (at most $most files)"
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
  have_clang || { stage "clang is missing: no fuzzing (what was found before is replayed all the same)"; return; }
  build_now fuzz
  local seconds=6
  [ $mode = long ] && seconds=600
  stage "fuzzing, $seconds s each: inputs tried, covered edges (cov) and features (ft)"
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
build_now release
check_lint
export PATH="$PATH:/usr/local/cuda/bin"
[ $mode = quick ] || build_beside asan tsan $(have_clang && echo fuzz) $(have_cuda && echo cuda)
stage "quick tests"
ctest --preset release -LE 'slow|bindings|long' -j "$jobs"
[ $mode != quick ] || exit 0
stage bindings
ctest --preset release -L bindings -LE slow  # one by one: they kill, signal and wait

for sanitizer in asan tsan; do
  build_now $sanitizer
  stage "$sanitizer: tests"
  ctest --preset $sanitizer -j "$jobs" --quiet --output-log build/$sanitizer-tests.log ||
    { cat build/$sanitizer-tests.log; exit 1; }
  tail -n 4 build/$sanitizer-tests.log
done
run_fuzzers
run_cuda
stage "slow tests"
ctest --preset release -L slow -j "$jobs"
[ $mode = long ] || exit 0
stage "long sweeps"
tests/fault/run.sh --long --build build/release
stage packages
ctest --preset release -R '^python_wheel$'
for suite in bookworm trixie; do
  tests/packages/debian_packages.sh build/debian -DSPOT_WARNINGS_AS_ERRORS=$warnings $suite || [ $? = 77 ]
done

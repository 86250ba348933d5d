#!/usr/bin/env bash
# Faults to survive: kills, power cuts, failing disks, damaged files, two writers, failing memory.
set -euo pipefail

usage() {
  cat <<'END'
Usage: tests/fault/run.sh [--long] [--seed N] [--build FOLDER] [ROW…]

  ROW          a number of the table of faults, e.g. 11; none: all of them (--list shows them)
  --long       the same programs with bigger numbers: the sweep that tests/bench/README.md quotes, about an hour
  --seed N     replays what a run with that seed did
  --build DIR  programs built already; else build/release is brought up to date first

Power cuts, full disks and remounts need root and loop devices, kills at system calls need ptrace. What cannot be had
here is reported as skipped.
END
}

build="" arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --build) build=$(realpath "$2"); shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done

cd "$(dirname "$0")/../.."
if [ -z "$build" ]; then
  . cmake/install_packages.sh
  install_packages $build_packages doctest-dev libbenchmark-dev python3 python3-numpy
  install_packages --optional e2fsprogs xfsprogs
  build=$PWD/build/release
  mkdir -p build
  { cmake --preset release && nice cmake --build --preset release -- -j"$(nproc)"; } >build/release.log 2>&1 ||
    { tail -n 40 build/release.log; exit 1; }
fi
exec python3 tests/fault/runner.py --build "$build" ${arguments[@]+"${arguments[@]}"}

#!/usr/bin/env bash
# Installs what is missing, builds, trains on MNIST, takes the machine away in the middle, goes on, and shows that
# nothing was lost. Run it as root or through sudo, as often as you like.
set -euo pipefail

usage() {
  cat <<'END'
Usage: examples/quickstart/run.sh [--steps N] [--help]

  --steps N   length of the rehearsed run (default 300, about half an epoch)

MNIST is taken from ../shared/mnist where it exists, else downloaded; without both, synthetic digits are used.
END
}

steps=300
while [ $# -gt 0 ]; do
  case "$1" in
    --steps) steps=${2:?--steps needs a number}; shift 2 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 64 ;;
  esac
done

cd "$(dirname "$0")/../.."
. cmake/install_packages.sh
install_packages $build_packages
say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

say "Building (a few minutes the first time)"
cmake -S . -B build/quickstart -G Ninja -DCMAKE_BUILD_TYPE=Release -DSPOT_BUILD_TESTS=OFF >/dev/null
nice cmake --build build/quickstart | tail -n 1
spotctl=build/quickstart/examples/spotctl/spotctl

dataset=auto
[ -d ../shared/mnist ] && dataset=../shared/mnist
exec examples/quickstart/rehearse.sh "$spotctl" "$steps" "$dataset"

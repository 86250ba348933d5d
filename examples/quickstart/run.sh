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
install_packages $build_packages python3
say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

say "Building (a few minutes the first time)"
cmake -S . -B build/quickstart -G Ninja -DCMAKE_BUILD_TYPE=Release -DSPOT_BUILD_TESTS=OFF >/dev/null
nice cmake --build build/quickstart | tail -n 1
spotctl=build/quickstart/examples/spotctl/spotctl

work=$(mktemp -d)
simulator=""
cleanup() {
  [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

dataset=auto
[ -d ../shared/mnist ] && dataset=../shared/mnist
mkdir "$work/whole" "$work/volume"
# field NAME FILE: a field of the last "end" line of a run's JSON output.
field() {
  python3 -c 'import json, sys
line = [json.loads(l) for l in open(sys.argv[2]) if l.startswith("{")][-1]
value = line.get(sys.argv[1])
print(f"{value:.4f}" if isinstance(value, float) else value)' "$1" "$2"
}
train() {  # train VOLUME [FLAG…]: JSON goes to VOLUME.json
  local volume=$1
  shift
  "$spotctl" train --volume "$volume" --dataset "$dataset" --model keras-cnn --optimizer adam --steps "$steps" \
    --run-id quickstart --checkpoint-seconds 5 --json "$@" >"$volume.json"
}

say "1. A run that nothing interrupts: $steps steps of the classic CNN"
train "$work/whole" --metadata none

say "2. The same run on a 'spot instance': in 6 seconds its metadata service announces the end"
"$spotctl" simulate aws --notice-after 6 >"$work/metadata.json" &
simulator=$!
for _ in $(seq 50); do [ -s "$work/metadata.json" ] && break; sleep 0.1; done
endpoint=$(python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readline())["endpoint"])' "$work/metadata.json")
code=0
train "$work/volume" --metadata aws --metadata-endpoint "$endpoint" --poll-seconds 0.5 || code=$?
kill "$simulator"; wait "$simulator" || true
simulator=""
echo "exit code $code at step $(field step "$work/volume.json"); durable $(field notice_to_durable_ms "$work/volume.json") ms after the notice, $(field margin_s "$work/volume.json") s to spare" >&2
if [ "$code" != 75 ] && [ "$code" != 0 ]; then exit "$code"; fi

say "3. The next instance runs the same command: it resumes from the volume and finishes"
train "$work/volume" --metadata none

say "4. What was lost"
whole=$(field state_hash "$work/whole.json")
resumed=$(field state_hash "$work/volume.json")
echo "state hash, uninterrupted:  $whole"
echo "state hash, interrupted:    $resumed"
(cd "$work/whole/models" && sha256sum quickstart.safetensors) | sed 's/^/weights, uninterrupted:     /'
(cd "$work/volume/models" && sha256sum quickstart.safetensors) | sed 's/^/weights, interrupted:       /'
cmp "$work/whole/models/quickstart.safetensors" "$work/volume/models/quickstart.safetensors"
cmp "$work/whole/logs/quickstart.steps.csv" "$work/volume/logs/quickstart.steps.csv"
[ "$whole" = "$resumed" ]
echo "Nothing: every byte of the state, the weights and the log is the same. Test accuracy $(field test_accuracy "$work/volume.json")."
"$spotctl" verify "$work/volume"

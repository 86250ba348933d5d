#!/usr/bin/env bash
# rehearse.sh SPOTCTL STEPS DATASET: trains the classic CNN twice, once in one piece and once on a "spot instance" that is
# taken away in the middle, and compares state, weights and logs, byte by byte. It needs nothing but spotctl and a shell.
set -euo pipefail
spotctl=$1 steps=$2 dataset=$3
say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

work=$(mktemp -d)
simulator=""
cleanup() {
  [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir "$work/whole" "$work/volume"

# field NAME FILE: a field of the last line of a run's JSON output.
field() {
  tail -n 1 "$2" | sed -nE 's/.*"'"$1"'":("([^"]*)"|([^,}]*)).*/\2\3/p'
}
train() {  # train VOLUME [FLAG…]: JSON goes to VOLUME.json
  local volume=$1
  shift
  "$spotctl" train --volume "$volume" --dataset "$dataset" --model keras-cnn --optimizer adam --steps "$steps" \
    --run-id quickstart --checkpoint-seconds 5 --json "$@" >"$volume.json"
}

say "1. A run that nothing interrupts: $steps steps of the classic CNN"
train "$work/whole" --metadata none

seconds=$(awk "BEGIN { printf \"%.1f\", $(field wall_s "$work/whole.json") / 3 }")
say "2. The same run on a 'spot instance': in $seconds seconds its metadata service announces the end"
"$spotctl" simulate aws --notice-after "$seconds" >"$work/metadata.json" &
simulator=$!
for _ in $(seq 50); do [ -s "$work/metadata.json" ] && break; sleep 0.1; done
code=0
endpoint=$(field endpoint "$work/metadata.json")
train "$work/volume" --metadata aws --metadata-endpoint "$endpoint" --poll-seconds 0.5 || code=$?
kill "$simulator"; wait "$simulator" || true
simulator=""
echo "exit code $code at step $(field step "$work/volume.json"); durable $(field notice_to_durable_ms "$work/volume.json") ms" \
  "after the notice, $(field margin_s "$work/volume.json") s to spare" >&2
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

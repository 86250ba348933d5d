#!/usr/bin/env bash
# Checks the scripts, and runs the scenarios in each shell that is here against the spotctl of a build: test.sh BUILD_DIR.
# Debian: shellcheck, jq, busybox (all optional).
set -euo pipefail

SPOTCTL=$(realpath "${1:?usage: bindings/shell/test.sh BUILD_DIR}")/examples/spotctl/spotctl
export SPOTCTL
[ -x "$SPOTCTL" ] || { echo "there is no $SPOTCTL: build it first" >&2; exit 1; }
cd "$(dirname "$0")"

if command -v shellcheck >/dev/null; then
  shellcheck -x ./*.sh
else
  echo "shellcheck is missing: the scripts are not checked"
fi

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
for shell in dash bash busybox; do
  path=$(command -v $shell) || { echo "$shell is missing: the scenarios do not run in it"; continue; }
  [ $shell = busybox ] && ln -s "$path" "$temporary/sh" && path=$temporary/sh # by this name it is a shell
  "$path" scenarios.sh "$path"
done

# The example of the README trains.
mkdir "$temporary/volume" "$temporary/tools"
# shellcheck disable=SC2016 # these quotes are Markdown's
sed -n '/^```sh$/,/^```$/{//!p}' README.md >"$temporary/example.sh"
cp spot_trainer.sh "$temporary"
(cd "$temporary" && sh -eu example.sh volume) | tee "$temporary/example.out"
grep -qx "done" "$temporary/example.out"

# Without jq fields are found by sed.
line='{"event":"end","reason":"done","step":7,"test_loss":0.25,"durable":true,"margin_s":null,"model_path":"/v/m.json"}'
tools=$temporary/tools
ln -s "$(command -v sed)" "$tools/sed"
# shellcheck disable=SC2016 # they are for the inner shell
for field in reason step test_loss durable margin_s model_path missing; do
  PATH=$tools "$(command -v sh)" -c '. ./spot_trainer.sh; printf "%s\n" "$1" | spot_field "$2"' sh "$line" $field
done >"$temporary/by_sed"
printf '%s\n' "done" 7 0.25 true /v/m.json | cmp - "$temporary/by_sed"

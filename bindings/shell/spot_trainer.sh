# shellcheck shell=sh
# Functions around spotctl for POSIX shells. Read them in:
#
#     . bindings/shell/spot_trainer.sh
#     spot_train /mnt/data dataset=mnist epochs=3
#     echo "$spot_code: $(printf '%s\n' "$spot_end" | spot_field state_hash)"
#
# $SPOTCTL names the program, which is looked for in $PATH otherwise.
# SPDX-License-Identifier: Apache-2.0

: "${SPOTCTL:=spotctl}"

# spotctl's exit codes.
# shellcheck disable=SC2034
{
  SPOT_EXIT_DONE=0
  SPOT_EXIT_USAGE=64         # wrong usage or configuration
  SPOT_EXIT_BAD_DATA=65      # damaged or unfit data, or training diverged
  SPOT_EXIT_UNAVAILABLE=69   # a service is unavailable, or the volume in use
  SPOT_EXIT_INTERNAL=70
  SPOT_EXIT_INPUT_OUTPUT=74
  SPOT_EXIT_INTERRUPTED=75   # the checkpoint is durable: run the same command again
  SPOT_EXIT_NOT_DURABLE=76   # interrupted, and the checkpoint is not durable
  SPOT_EXIT_FENCED=77        # another process has taken the volume over: do not run this one again
}

# spot_field NAME: that field of each JSON line on stdin, as text; nothing where there is none or it is null. By jq, or,
# where there is none, by sed: then only fields that are no objects and whose text holds no quotation mark.
spot_field() {
  if command -v jq >/dev/null 2>&1; then
    jq -r --arg name "$1" '.[$name] | select(. != null)'
  else
    sed -n -e "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p;t" -e "s/.*\"$1\": *\([^,}\"]*\).*/\1/p" | sed '/^null$/d'
  fi
}

# spot_train VOLUME [KEY=VALUE ...]: trains until it is done or stopped, and passes TERM and INT on: the run saves, and ends.
# Returns spotctl's exit code, which $spot_code keeps; $spot_end is its last event, in JSON, or empty when it failed before.
# A function spot_on_event, if there is one, is called with each event, a JSON line, in a process of its own.
spot_train() {
  spot_volume=$1
  shift
  for spot_setting in "$@"; do
    shift
    set -- "$@" --set "$spot_setting"
  done
  spot_folder=$(mktemp -d) && mkfifo "$spot_folder/events" || return "$SPOT_EXIT_INPUT_OUTPUT"
  _spot_read_events "$spot_folder/end" <"$spot_folder/events" &
  spot_reader=$!
  _spot_run train --json --quiet --volume "$spot_volume" "$@" >"$spot_folder/events"
  wait "$spot_reader" || true
  # shellcheck disable=SC2034 # it is for the caller
  spot_end=$(cat "$spot_folder/end" 2>/dev/null) || true
  rm -rf "$spot_folder"
  return "$spot_code"
}

# spot_wait_for_notice [KEY=VALUE ...]: returns 0 when this machine is about to be taken away; prints the notices, in JSON.
spot_wait_for_notice() {
  for spot_setting in "$@"; do
    shift
    set -- "$@" --set "$spot_setting"
  done
  _spot_run watch --json --quiet --until interruption "$@"
  return "$spot_code"
}

# spot_state_hash PATH: of a checkpoint, or of the newest good one of a volume.
spot_state_hash() {
  "$SPOTCTL" inspect --json "$1" | spot_field state_hash
}

# Keeps the last event in a file, and passes each on to spot_on_event.
_spot_read_events() {
  trap '' TERM INT # they are for spotctl, whose last event is still to come
  while IFS= read -r spot_line; do
    case $spot_line in
      '{"event":"end"'*) printf '%s\n' "$spot_line" >"$1" ;;
    esac
    if command -v spot_on_event >/dev/null 2>&1; then spot_on_event "$spot_line"; fi
  done
}

# Runs spotctl in the background, where TERM and INT reach this shell at once, and passes them on: as TERM, because what a
# shell runs in the background ignores INT. A signal ends `wait` but not the process, so that it is waited for again.
_spot_run() {
  spot_code=127 spot_process='' spot_woken=''
  trap 'spot_woken=yes; [ -z "$spot_process" ] || kill -TERM "$spot_process" 2>/dev/null' TERM INT
  "$SPOTCTL" "$@" &
  spot_process=$!
  [ -z "$spot_woken" ] || kill -TERM "$spot_process"
  while :; do
    spot_woken=''
    spot_status=0
    wait "$spot_process" || spot_status=$?
    [ $spot_status = 127 ] || spot_code=$spot_status # 127: no such program, or its end was told before
    [ -n "$spot_woken" ] || break
  done
  trap - TERM INT
}

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
# Returns spotctl's exit code, which $spot_code keeps; $spot_end is its last event, in JSON, or empty where it told none.
# A function spot_on_event, if there is one, is called with each event, a JSON line, in a process of its own.
spot_train() {
  spot_volume=$1
  shift
  for spot_setting in "$@"; do
    shift
    set -- "$@" --set "$spot_setting"
  done
  spot_end='' spot_code=$SPOT_EXIT_INPUT_OUTPUT
  _spot_catch_signals
  if spot_folder=$(mktemp -d); then
    if mkfifo "$spot_folder/events"; then
      { # 9 is both ends of the pipe, so that neither process waits for the other one to open its own
        (exec <"$spot_folder/events" 9>&- && _spot_read_events "$spot_folder/end") &
        spot_reader=$!
        (exec "$SPOTCTL" train --json --quiet --volume "$spot_volume" "$@" >"$spot_folder/events" 9>&-) &
        spot_process=$!
      } 9<>"$spot_folder/events"
      _spot_end_program
      _spot_wait "$spot_reader"
      # shellcheck disable=SC2034 # it is for the caller
      spot_end=$(cat "$spot_folder/end" 2>/dev/null) || :
    fi
    rm -rf "$spot_folder"
  fi
  trap - TERM INT
  return "$spot_code"
}

# spot_wait_for_notice [KEY=VALUE ...]: returns 0 when this machine is about to be taken away; prints the notices, in JSON.
spot_wait_for_notice() {
  for spot_setting in "$@"; do
    shift
    set -- "$@" --set "$spot_setting"
  done
  _spot_catch_signals
  "$SPOTCTL" watch --json --quiet --until interruption "$@" &
  spot_process=$!
  _spot_end_program
  trap - TERM INT
  return "$spot_code"
}

# spot_state_hash PATH: of a checkpoint, or of the newest good one of a volume.
spot_state_hash() {
  "$SPOTCTL" inspect --json "$1" | spot_field state_hash
}

# Keeps the last event in a file, and passes each on to spot_on_event, which may fail and write into broken pipes.
_spot_read_events() {
  trap '' TERM INT PIPE # the first two are for spotctl, whose last event is still to come
  while IFS= read -r spot_line; do
    case $spot_line in
      '{"event":"end"'*) printf '%s\n' "$spot_line" >"$1" ;;
    esac
    if command -v spot_on_event >/dev/null 2>&1; then spot_on_event "$spot_line" </dev/null || :; fi
  done
}

# From here on TERM and INT go to the program, as TERM, because what a shell runs in the background ignores INT.
_spot_catch_signals() {
  spot_process='' spot_caught=''
  trap _spot_pass_on TERM INT
}

_spot_pass_on() {
  spot_caught=yes spot_woken=yes
  if [ -n "$spot_process" ]; then kill -TERM "$spot_process" 2>/dev/null || :; fi
}

# Waits for the program, which may have been started after the signal came. $spot_code: its exit code.
_spot_end_program() {
  [ -z "$spot_caught" ] || _spot_pass_on
  _spot_wait "$spot_process"
  spot_process='' spot_code=$spot_status
  # 143: TERM came before spotctl could hear it, and had begun nothing.
  if [ -n "$spot_caught" ] && [ "$spot_code" = 143 ]; then spot_code=$SPOT_EXIT_INTERRUPTED; fi
}

# _spot_wait PROCESS: waits until it has ended. $spot_status: its exit code. A signal ends `wait` but not the process, which is
# waited for again then.
_spot_wait() {
  spot_woken=yes spot_status=127
  while [ -n "$spot_woken" ]; do
    spot_woken='' spot_waited=0
    wait "$1" || spot_waited=$?
    [ "$spot_waited" = 127 ] || spot_status=$spot_waited # 127: no such program, or its end was told before
  done
}

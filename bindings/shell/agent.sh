#!/bin/sh
# Trains on a volume until it is done, interrupted or told to stop. Run it again and it goes on where it was.
#
#     agent.sh VOLUME [KEY=VALUE ...]        e.g.  agent.sh /mnt/data dataset=mnist epochs=3
#
# SIGTERM and SIGINT end it after the step in progress, with a checkpoint. Its last line on stdout is JSON: why it ended, at
# which step, whether that is durable, and the hash of the state. Exit code: 0 done, 75 stopped with a durable checkpoint, 76
# without, 1 failed.
set -u
trap '' PIPE # a reader that goes away ends no run
true >&2 || exec 2>/dev/null # nor does a stderr that is closed

# shellcheck source-path=SCRIPTDIR source=spot_trainer.sh
. "$(dirname "$0")/spot_trainer.sh"

if [ $# = 0 ]; then
  echo "usage: agent.sh VOLUME [KEY=VALUE ...]" >&2
  exit 1
fi

# Called with each event: a step once a second, and whatever else happens.
spot_on_event() {
  event=$1
  case $event in
    '{"event":"step"'*) echo "step $(field step): loss $(field loss)" ;;
    '{"event":"checkpoint"'*) echo "step $(field step): checkpoint ($(field reason)) $(field status)" ;;
    '{"event":"interruption"'* | '{"event":"notice"'*) echo "notice of $(field source): $(field action)" ;;
  esac >&2
}

field() {
  printf '%s\n' "$event" | spot_field "$1"
}

# said NAME DEFAULT: that field of the last event; the default where the event or the field is missing.
said() {
  event=$spot_end
  value=$(field "$1")
  printf '%s' "${value:-$2}"
}

spot_train "$@"
# All was done, but stderr could not be written.
if [ "$spot_code" = "$SPOT_EXIT_INPUT_OUTPUT" ] && [ "$(said reason '')" = "done" ]; then spot_code=$SPOT_EXIT_DONE; fi
case $spot_code in
  "$SPOT_EXIT_DONE") reason="done" durable=true ;;
  "$SPOT_EXIT_INTERRUPTED") reason=interrupted durable=true ;;
  "$SPOT_EXIT_NOT_DURABLE") reason=interrupted durable=false ;;
  *) exit 1 ;; # spotctl has said why
esac
printf '{"reason": "%s", "step": %s, "durable": %s, "state_hash": "%s"}\n' \
  "$(said reason $reason)" "$(said step null)" "$(said durable $durable)" "$(said state_hash '')"
exit "$spot_code"

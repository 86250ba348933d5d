#!/bin/sh
# Trains on a volume until it is done, interrupted or told to stop. Run it again and it goes on where it was.
#
#     agent.sh VOLUME [KEY=VALUE ...]        e.g.  agent.sh /mnt/data dataset=mnist epochs=3
#
# SIGTERM and SIGINT end it after the step in progress, with a checkpoint. Its last line on stdout is JSON: why it ended, at
# which step, whether that is durable, and the hash of the state. Exit code: 0 done, 75 stopped with a durable checkpoint, 76
# without, 1 failed.
set -u

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

spot_train "$@"
case $spot_code in
  "$SPOT_EXIT_DONE" | "$SPOT_EXIT_INTERRUPTED" | "$SPOT_EXIT_NOT_DURABLE")
    event=$spot_end
    printf '{"reason": "%s", "step": %s, "durable": %s, "state_hash": "%s"}\n' \
      "$(field reason)" "$(field step)" "$(field durable)" "$(field state_hash)"
    exit "$spot_code"
    ;;
  *) exit 1 ;; # spotctl has said why
esac

#!/bin/sh
# scenarios.sh SHELL: the scenarios of tests/bindings/README.md that a shell can do, in the shell that runs this one. $SPOTCTL
# is the program.
set -u

shell=$1
here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=spot_trainer.sh
. "$here/spot_trainer.sh"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failures=0
spotctl=$SPOTCTL

# check WHAT ACTUAL EXPECTED
check() {
  [ "$2" = "$3" ] && return
  echo "FAILED: $scenario: $1: '$2', not '$3'"
  failures=$((failures + 1))
}

# holds WHAT COMMAND...
holds() {
  what=$1
  shift
  "$@" && return
  echo "FAILED: $scenario: $what"
  failures=$((failures + 1))
}

# The digits are drawn once.
new_volume() {
  mkdir "$place/$1"
  [ ! -d "$place/digits" ] || cp -r "$place/digits" "$place/$1/datasets"
  echo "$place/$1"
}

settings="dataset=synthetic model=mlp batch_size=16 steps=60 epochs=1000000 threads=1 metadata=none checkpoint_seconds=0"

# agent VOLUME [KEY=VALUE ...]; its last word is in $said.
agent() {
  agent_volume=$1
  shift
  # shellcheck disable=SC2086
  said=$("$shell" "$here/agent.sh" "$agent_volume" $settings "$@" 2>"$place/agent.err")
}

# The same, as a process group that can be signalled: $agent_process. What a shell runs in the background ignores INT.
start_agent() {
  agent_volume=$1
  shift
  # shellcheck disable=SC2086
  setsid env --default-signal=INT "$shell" "$here/agent.sh" "$agent_volume" $settings "$@" >"$place/started.out" 2>"$place/started.err" &
  agent_process=$!
}

end_agent() {
  wait "$agent_process" 2>/dev/null
  code=$?
  said=$(tail -n 1 "$place/started.out")
}

said_field() {
  printf '%s\n' "$said" | spot_field "$1"
}

# wait_for SECONDS COMMAND...
wait_for() {
  tenths=$(($1 * 10))
  shift
  until "$@"; do
    tenths=$((tenths - 1))
    [ $tenths -gt 0 ] || return 1
    sleep 0.1
  done
}

# has_trained VOLUME
has_trained() {
  for log in "$1"/logs/*.steps.csv; do
    [ -f "$log" ] && [ "$(wc -l <"$log")" -gt 5 ] && return
  done
  return 1
}

begin_simulation() {
  "$SPOTCTL" simulate aws >"$place/simulation" 2>/dev/null &
  simulation=$!
  wait_for 60 test -s "$place/simulation"
  endpoint=$(head -n 1 "$place/simulation" | spot_field endpoint)
}

end_simulation() {
  kill "$simulation"
  wait "$simulation"
}

# program NAME LINE...: a shell script.
program() {
  name=$place/$1
  shift
  printf '%s\n' '#!/bin/sh' "$@" >"$name"
  chmod +x "$name"
}

scenario="train"
agent "$(new_volume one)"
check "exit code" $? 0
mv "$place/one/datasets" "$place/digits"
whole=$said
check reason "$(said_field reason)" "done"
check step "$(said_field step)" 60
agent "$(new_volume two)" threads=2
check "two threads" "$said" "$whole"
check "the checkpoint's hash" "$(spot_state_hash "$place/two")" "$(said_field state_hash)"

scenario="notice"
volume=$(new_volume notice)
begin_simulation
(wait_for 60 has_trained "$volume" && kill -USR1 "$simulation") &
# shellcheck disable=SC2086
spot_train "$volume" $settings steps=100000 metadata=aws "metadata_endpoint=$endpoint" poll_seconds=0.1
check "exit code" "$spot_code" "$SPOT_EXIT_INTERRUPTED"
said=$spot_end
check reason "$(said_field reason)" interrupted
check durable "$(said_field durable)" true
holds "the time is measured" [ -n "$(said_field notice_to_durable_ms)" ]
end_simulation
at=$(($(said_field step) + 20))
agent "$volume" "steps=$at"
check "it goes on" $? 0
resumed=$said
agent "$(new_volume whole)" "steps=$at"
check "the same state" "$resumed" "$said"

scenario="kill"
volume=$(new_volume kill)
start_agent "$volume" steps=100000 checkpoint_steps=2
holds "it saves" wait_for 60 grep -q checkpoint "$place/started.err"
kill -KILL "-$agent_process"
end_agent
check "exit code" $code 137
at=$(($("$SPOTCTL" inspect --json "$volume" | sed 's/"model":.*//; s/,$/}/' | spot_field step) + 20))
agent "$volume" "steps=$at"
resumed=$said
agent "$(new_volume alive)" "steps=$at"
check "the same state" "$resumed" "$said"

scenario="resume"
volume=$(new_volume resume)
agent "$volume" steps=23
check step "$(said_field step)" 23
agent "$volume"
check "the same state" "$said" "$whole"

scenario="fence"
volume=$(new_volume fence)
# shellcheck disable=SC2086
(spot_train "$volume" $settings steps=1000000 checkpoint_steps=10 2>"$place/fenced.err"; echo "$spot_code" >"$place/fenced") &
fenced=$!
holds "the first one trains" wait_for 60 has_trained "$volume"
agent "$volume" takeover=true steps=20
check "the second one's exit code" $? 0
wait $fenced
check "the first one's exit code" "$(cat "$place/fenced")" "$SPOT_EXIT_FENCED"

scenario="cancel"
volume=$(new_volume cancel)
for signal in TERM INT; do
  rm -f "$volume"/logs/*.steps.csv
  start_agent "$volume" steps=1000000
  holds "it trains" wait_for 60 has_trained "$volume"
  kill -$signal "$agent_process"
  end_agent
  check "exit code after $signal" $code "$SPOT_EXIT_INTERRUPTED"
  check "durable after $signal" "$(said_field durable)" true
done
rm -f "$volume"/logs/*.steps.csv
start_agent "$volume" steps=1000000
holds "one has the volume" wait_for 60 has_trained "$volume"
# shellcheck disable=SC2086
(spot_train "$volume" $settings 2>"$place/waiting.err"; echo "$spot_code" >"$place/waiting") &
waiting=$!
holds "another one waits for it" wait_for 60 grep -qs wait "$place/waiting.err"
kill -TERM $waiting
wait $waiting
check "the waiting one's exit code" "$(cat "$place/waiting")" "$SPOT_EXIT_INTERRUPTED"
kill -TERM "$agent_process"
end_agent
# A program that is stopped before it can hear TERM: it asks the agent for it, and has no handler.
# shellcheck disable=SC2016 # it is for the program
program deaf 'kill -TERM "$PPID"' 'exec sleep 1000'
SPOTCTL=$place/deaf
agent "$volume"
check "exit code before there is a run" $? "$SPOT_EXIT_INTERRUPTED"
SPOTCTL=$spotctl
check "its last line" "$said" '{"reason": "interrupted", "step": null, "durable": true, "state_hash": ""}'

scenario="streams"
mkfifo "$place/gone"
exec 8<>"$place/gone"
exec 7>"$place/gone" 8<&- # 7 is a pipe that nobody reads any more
volume=$(new_volume streams)
# shellcheck disable=SC2086
said=$("$shell" "$here/agent.sh" "$volume" $settings steps=20 checkpoint_steps=5 2>&7)
check "exit code, a broken stderr" $? 0
check "reason" "$(said_field reason)" "done"
# shellcheck disable=SC2086
said=$("$shell" "$here/agent.sh" "$volume" $settings steps=40 checkpoint_steps=5 2>&-)
check "exit code, no stderr" $? 0
check "step" "$(said_field step)" 40
# shellcheck disable=SC2086
"$shell" "$here/agent.sh" "$volume" $settings steps=50 2>/dev/null >&7
check "exit code, a broken stdout" $? 0
# shellcheck disable=SC2086
"$shell" "$here/agent.sh" "$volume" $settings 2>/dev/null >&-
check "exit code, no stdout" $? 0
check "the same state" "$(spot_state_hash "$volume")" "$(printf '%s\n' "$whole" | spot_field state_hash)"
exec 7>&-
cat >"$place/failing.sh" <<'END'
set -eu
. "$1/spot_trainer.sh"
shift
spot_on_event() { false; }
spot_train "$@"
printf '%s\n' "$spot_end"
END
# shellcheck disable=SC2086
said=$("$shell" "$place/failing.sh" "$here" "$(new_volume failing)" $settings 2>"$place/failing.err")
check "exit code, a function that fails" $? 0
check "reason" "$(said_field reason)" "done"

scenario="bad_input"
SPOTCTL=$place/silent
for code in 0 75 76; do
  program silent "exit $code"
  agent "$place/one"
  check "exit code without a last event" $? $code
  check "step" "$(said_field step)" ""
  check "durable" "$(said_field durable)" "$([ $code = 76 ] && echo false || echo true)"
done
SPOTCTL=$spotctl
mkdir "$place/temporary"
program mkfifo "exit 1"
(PATH=$place:$PATH TMPDIR=$place/temporary; spot_train "$place/one"; echo "$spot_code") >"$place/no-pipe" 2>&1
check "exit code without a pipe" "$(cat "$place/no-pipe")" "$SPOT_EXIT_INPUT_OUTPUT"
rm "$place/mkfifo"
holds "it leaves nothing behind" rmdir "$place/temporary"
(TMPDIR=$place/temporary; export TMPDIR; spot_train "$place/one" 2>"$place/train.err"; echo "$spot_code") >"$place/no-folder"
check "exit code without a folder" "$(cat "$place/no-folder")" "$SPOT_EXIT_INPUT_OUTPUT"
holds "it names the folder" grep -q "$place/temporary" "$place/train.err"
volume=$(new_volume bad)
agent "$volume" batch_siez=3
check "exit code" $? 1
holds "it names the key" grep -q "batch_siez" "$place/agent.err"
spot_train "$volume" batch_size=0 2>"$place/train.err"
check "exit code" "$spot_code" "$SPOT_EXIT_USAGE"
holds "it names the bounds" grep -q "batch_size.*65536" "$place/train.err"
agent "$volume" steps=2
for checkpoint in "$volume"/checkpoints/*.spck; do
  printf 'damage' | dd of="$checkpoint" bs=1 seek=100000 conv=notrunc 2>/dev/null
done
"$SPOTCTL" verify "$volume" >"$place/verify.out" 2>&1
check "exit code" $? "$SPOT_EXIT_BAD_DATA"
spot_train "$volume" dataset=synthetic model=mlp 2>"$place/train.err"
check "exit code" "$spot_code" "$SPOT_EXIT_BAD_DATA"

scenario="predict"
images=$(find "$place/digits" -name '*test-images*')
for source in "$place/one" "$place/two"; do
  for checkpoint in "$source"/checkpoints/*.spck; do
    "$SPOTCTL" predict --json --quiet --checkpoint "$checkpoint" "$images" 2>/dev/null | head -n 20 |
      sed 's/"file":"[^"]*"//' >>"$place/$(basename "$source").predicted"
  done
done
holds "there are predictions" [ -s "$place/one.predicted" ]
holds "the same numbers" cmp -s "$place/one.predicted" "$place/two.predicted"

scenario="poller"
for waiter in 1 2; do
  (spot_wait_for_notice "metadata=file:$place/notice-file" poll_seconds=0.1 >"$place/waiter$waiter"; echo "$spot_code" >"$place/code$waiter") &
  eval "waiter$waiter=\$!"
done
# A file that is there when a waiter begins is no notice to it, but one that changes is.
tries=0
while { [ ! -s "$place/code1" ] || [ ! -s "$place/code2" ]; } && [ $tries -lt 60 ]; do
  sleep 1
  tries=$((tries + 1))
  echo "away $tries" >"$place/notice-file"
done
# shellcheck disable=SC2154
kill "$waiter1" "$waiter2" 2>/dev/null || :
wait "$waiter1" "$waiter2" || :
for waiter in 1 2; do
  check "exit code of waiter $waiter" "$(cat "$place/code$waiter")" 0
  check "action" "$(spot_field action <"$place/waiter$waiter")" request
done

echo "$shell: $failures failures"
[ $failures = 0 ]

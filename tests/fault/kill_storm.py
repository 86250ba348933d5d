#!/usr/bin/env python3
"""SIGKILL at random moments of training, evaluation and saving; the run must end in the very bytes of one that
nobody killed.

    kill_storm.py [--kills N] [--seed S] [--full]

--full trains keras-cnn on the real digits; otherwise the smaller lenet-5 on synthetic ones. SPOT_TEST_KILLS
overrides the default number of kills.
"""
import argparse
import os
import random
import signal
import subprocess
import time

import spotctl

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--kills", type=int, default=int(os.environ.get("SPOT_TEST_KILLS", "50")))
arguments.add_argument("--seed", type=int, default=int(time.time()))
arguments.add_argument("--full", action="store_true")
options = arguments.parse_args()
print(f"seed {options.seed}: replay with --kills {options.kills} --seed {options.seed}", flush=True)
random.seed(options.seed)

FLAGS = ["--epochs", 2, "--optimizer", "adam", "--run-id", "storm", "--quiet", "--json-step-seconds", 10]
if options.full:
    FLAGS += ["--dataset", spotctl.dataset(), "--model", "keras-cnn", "--checkpoint-steps", 20]
else:
    FLAGS += ["--dataset", "synthetic", "--model", "lenet-5", "--checkpoint-steps", 3, "--batch-size", 64]

checks = spotctl.Checks()
with spotctl.scratch() as folder:
    whole = spotctl.new_volume(folder, "whole")
    started = time.monotonic()
    reference = spotctl.run(spotctl.command(whole, *FLAGS), timeout=3600)
    duration = time.monotonic() - started
    checks.check(reference.code == 0, f"the uninterrupted run ends with 0, not {reference.code}: {reference.err}")

    volume = spotctl.new_volume(folder, "volume")
    kills, finished = 0, None
    while kills < options.kills:
        # Mostly early, so that the run outlives the storm; now and then long enough to reach an evaluation.
        delay = random.uniform(0.02, 0.25) if random.random() < 0.85 else random.uniform(0.2, duration / 8)
        process = subprocess.Popen(spotctl.command(volume, *FLAGS), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            process.communicate(timeout=delay)
            finished = process.returncode
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
    last = spotctl.run(spotctl.command(volume, *FLAGS), timeout=3600)
    checks.check(finished in (None, 0), f"a run that was not killed ended with {finished}")
    checks.check(last.code == 0, f"the last run ends with 0, not {last.code}: {last.err}")
    print(f"{kills} kills; resumed at step {last.last('start')['step']} for the last time")

    ours, theirs = last.last("end"), reference.last("end")
    checks.check(ours["state_hash"] == theirs["state_hash"],
                 f"state {ours['state_hash']} equals the uninterrupted {theirs['state_hash']}")
    for file in ("models/storm.safetensors", "models/storm.json", "logs/storm.csv", "logs/storm.steps.csv"):
        checks.check((volume / file).read_bytes() == (whole / file).read_bytes(), f"{file} is the same, byte for byte")
    verdict = spotctl.run([spotctl.SPOTCTL, "verify", str(volume)])
    checks.check(verdict.code == 0, f"every checkpoint on the volume is whole: {verdict.out}")
    left = list((volume / "checkpoints").glob(".tmp-*"))
    checks.check(len(left) == 0, f"no temporary file is left: {left}")
checks.exit()

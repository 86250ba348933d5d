#!/usr/bin/env python3
"""SIGKILL at random moments of training, evaluation and saving; the run must end in the very bytes of one that
nobody killed.

    kill_storm.py [--kills N] [--seed S] [--full]

--full trains keras-cnn on the real digits; otherwise the smaller lenet-5 on synthetic ones.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import time

import spotctl

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--kills", type=int, default=50)
arguments.add_argument("--seed", type=int, default=int(time.time()))
arguments.add_argument("--full", action="store_true")
options = arguments.parse_args()
print(f"seed {options.seed}: replay with --kills {options.kills} --seed {options.seed}", flush=True)
random.seed(options.seed)

FLAGS = ["--epochs", 2, "--optimizer", "adam", "--run-id", "storm", "--quiet", "--json-step-seconds", 10]
if options.full:
    FLAGS += ["--dataset", spotctl.dataset(), "--model", "keras-cnn", "--checkpoint-steps", 20]
else:
    FLAGS += ["--dataset", "synthetic", "--model", "lenet-5", "--checkpoint-steps", 10, "--batch-size", 8]

checks = spotctl.Checks()
with spotctl.scratch() as folder:
    whole = spotctl.new_volume(folder, "whole")
    started = time.monotonic()
    reference = spotctl.run(spotctl.command(whole, *FLAGS), timeout=3600)
    duration = time.monotonic() - started
    checks.check(reference.code == 0, f"the uninterrupted run ends with 0, not {reference.code}: {reference.err}")

    started = time.monotonic()
    spotctl.run(spotctl.command(whole, *FLAGS))  # restores, and has nothing left to do
    startup = time.monotonic() - started

    volume = spotctl.new_volume(folder, "volume")
    shutil.copytree(whole / "datasets", volume / "datasets")  # drawing the digits takes longer than most lives here
    kills, finished = 0, None
    while kills < options.kills:
        # A quarter during start-up and recovery; the others spread over nine tenths of the run.
        delay = random.uniform(0, startup)
        if random.random() < 0.75:
            delay = startup + random.uniform(0, 2 * 0.9 * duration / (0.75 * options.kills))
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
    checks.check(kills >= options.kills // 2, "the storm met most of the run, not a finished one")
    checks.check(last.last("start")["step"] > 0, "the run moved on between the kills")

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

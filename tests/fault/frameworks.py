#!/usr/bin/env python3
"""`spotctl run` around training scripts of frameworks, which know nothing of it (scripts/): notices and kills at random, and
each time a machine on which only the volume is there. What is put back is what the framework can load, no older than the
last snapshot that was told; nothing is left running.

    SPOTCTL=… frameworks.py [SCRIPT…]         SPOT_RUN_KILLS: how many for each; SPOT_RUN_PYTHON: the Python that has them"""
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

import harness
import spotctl

KILLS = int(os.environ.get("SPOT_RUN_KILLS", 10))
PYTHON = os.environ.get("SPOT_RUN_PYTHON", "/usr/bin/python3")  # the system's has Debian's torch
SCRIPTS = pathlib.Path(__file__).parent / "scripts"
SKIPPED = 77
#: script: what it imports, the rule of completeness for its folder
FRAMEWORKS = {"torch_save": ("torch", "quiet"), "torch_dcp": ("torch.distributed.checkpoint", "pytorch-dcp"),
              "sklearn_joblib": ("sklearn, joblib", "quiet"), "keras_checkpoint": ("keras", "keras"),
              "hf_trainer": ("transformers, accelerate", "hugging-face")}
checks = spotctl.Checks()


def is_there(modules):
    code = f"import {modules}"
    if modules.endswith("checkpoint"):
        code += f"; {modules}.save, {modules}.load"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode == 0


def processes_of(marker):
    """Processes whose environment carries it."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass
    return found


class Run:
    """spotctl run on a machine of its own."""

    def __init__(self, script, rule, volume, home):
        self.marker = f"SPOT_TEST_RUN={home}"
        self.process = harness.start(
            [spotctl.SPOTCTL, "run", "--volume", volume, "--metadata", "none", "--folder", "out", "--settle", "0.1", "--rule", rule,
             "--", PYTHON, SCRIPTS / f"{script}.py", "out", "1000000"],
            cwd=home, env={**os.environ, "SPOT_TEST_RUN": str(home), "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self.read, args=pair)
                        for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, lines):
        lines.extend(iter(stream.readline, ""))

    def begun(self):
        """The epoch that it goes on from; none: it ended before."""
        def line():
            return next((line for line in list(self.out) if line.startswith("from ")), None)
        harness.wait_until(lambda: line() or self.process.poll() is not None)
        return int(line().split()[1]) if line() else None

    def end(self):
        code = self.process.wait(timeout=harness.PATIENCE)
        for reader in self.readers:
            reader.join(timeout=harness.PATIENCE)
        return code

    def told(self):
        """The last snapshot that was told to be durable."""
        numbers = [int(found[1]) for line in list(self.err) if (found := re.search(r"snapshot (\d+) of .*durable", line))]
        return max(numbers, default=0)

    def put_back(self):
        return next((int(found[1]) for line in self.err if (found := re.search(r"snapshot (\d+) of .* put back", line))), 0)

    def __str__(self):
        return "".join(self.err[-12:])


def survives(script, rule, chance, scratch):
    volume = scratch / "volume"
    volume.mkdir()
    last, losses = 0, []
    for number in range(KILLS + 1):
        home = scratch / f"machine-{number}"
        home.mkdir()
        run = Run(script, rule, volume, home)
        what = f"{script}, start {number}"
        epoch = run.begun()
        checks.check(epoch is not None, f"{what}: it starts: {run}")
        if epoch is None:
            return
        checks.check(run.put_back() >= last, f"{what}: snapshot {run.put_back()} is put back, {last} was durable")
        time.sleep(chance.uniform(0, 3))
        notice = number % 2 == 1
        if notice:
            run.process.send_signal(signal.SIGTERM)
        else:
            os.killpg(run.process.pid, signal.SIGKILL)
        code = run.end()
        checks.check(code == (75 if notice else -9), f"{what}: exit code {code}: {run}")
        harness.wait_until(lambda home=home: not processes_of(f"SPOT_TEST_RUN={home}"))
        if notice:
            left = processes_of(run.marker)
            checks.check(not left, f"{what}: left running: {left}")
        last = max(last, run.told(), run.put_back())
        trained = max([epoch, *(int(line.split()[1]) for line in run.out if line.startswith("epoch "))])
        # What the next machine finds.
        found = scratch / f"found-{number}"
        found.mkdir()
        restored = subprocess.run([spotctl.SPOTCTL, "run", "--volume", volume, "--metadata", "none", "--folder", "out", "--",
                                   PYTHON, SCRIPTS / f"{script}.py", "out", "check"], cwd=found, capture_output=True, text=True,
                                  check=False)
        checks.check(restored.returncode == 0, f"{what}: what is put back can be loaded: {restored.stdout}{restored.stderr[-2000:]}")
        lines = [line for line in restored.stdout.splitlines() if line.startswith("from ")]
        if lines:
            losses.append(trained - int(lines[0].split()[1]))
    print(f"{script}: {KILLS + 1} starts; epochs lost at each: {losses}", flush=True)


def main():
    seed = int(os.environ.get("SPOT_SEED", random.randrange(1 << 30)))
    print(f"seed {seed}", flush=True)
    tried = 0
    for script in sys.argv[1:] or FRAMEWORKS:
        modules, rule = FRAMEWORKS[script]
        if not is_there(modules):
            print(f"{script} skipped: {PYTHON} has no {modules}", flush=True)
            continue
        tried += 1
        with harness.scratch() as scratch:
            survives(script, rule, random.Random(f"{seed}/{script}"), scratch)
    if not tried:
        sys.exit(SKIPPED)
    checks.exit()


main()

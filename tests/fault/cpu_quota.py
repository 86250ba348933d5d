#!/usr/bin/env python3
"""A CPU quota of a control group limits the threads of the program. Skipped where no group can be made."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import spotctl

checks = spotctl.Checks()
SKIPPED = 77


def mounts():
    """(folder, is version 2) of each hierarchy that may have a quota."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split(" ")
        kind, options = words[words.index("-") + 1], words[-1].split(",")
        if kind == "cgroup2":
            yield pathlib.Path(words[4]), True
        elif kind == "cgroup" and "cpu" in options:
            yield pathlib.Path(words[4]), False


@contextlib.contextmanager
def group(parent, is_v2, quota_us):
    """A group of half a processor, or as much as quota_us says, with another one in it."""
    outer = parent / f"spot-test-{os.getpid()}"
    inner = outer / "inner"
    try:
        outer.mkdir()
        if is_v2:
            (outer / "cpu.max").write_text(f"{quota_us} 100000")
        else:
            (outer / "cpu.cfs_period_us").write_text("100000")
            (outer / "cpu.cfs_quota_us").write_text(str(quota_us))
        inner.mkdir()
        yield inner
    finally:
        for path in (inner, outer):
            with contextlib.suppress(OSError):
                path.rmdir()


def run_in(path, arguments):
    def enter():
        (path / "cgroup.procs").write_text(str(os.getpid()))
    return subprocess.run(arguments, capture_output=True, text=True, check=True, preexec_fn=enter).stdout


def doctor(path, volume):
    lines = run_in(path, [spotctl.SPOTCTL, "doctor", "--json", "--volume", str(volume), "--dataset", "synthetic",
                          "--model", "mlp", "--metadata", "none"]).splitlines()
    return next(line["detail"] for line in map(json.loads, lines) if line["check"] == "threads")


def threads_of_a_run(path, volume):
    out = run_in(path, spotctl.command(volume, "--dataset", "synthetic", "--model", "mlp", "--steps", 2, "--quiet"))
    return next(line["threads"] for line in map(json.loads, out.splitlines()) if line["event"] == "start")


if len(os.sched_getaffinity(0)) < 2:
    print("skipped: with one processor there is nothing to limit")
    sys.exit(SKIPPED)
tried = 0
for folder, is_v2 in mounts():
    try:
        with group(folder, is_v2, 50000) as path, spotctl.scratch() as place:
            volume = spotctl.new_volume(place, "volume")
            detail = doctor(path, volume)
            file = "cpu.max" if is_v2 else "cpu.cfs_quota_us"
            checks.check(detail.startswith("1, because of a CPU quota of 0.5 ") and file in detail, f"doctor says why: {detail}")
            checks.check(threads_of_a_run(path, volume) == 1, "a run has one thread")
            tried += 1
        with group(folder, is_v2, 110000) as path, spotctl.scratch() as place:
            checks.check(threads_of_a_run(path, spotctl.new_volume(place, "volume")) == 2, "1.1 processors are two threads")
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no group can be used in {folder}: {error}")
if tried == 0:
    print("skipped: no control group with a CPU quota can be made here")
    sys.exit(SKIPPED)
checks.exit()

"""How the fault tests drive the real program: every run is a process of its own, on a real volume."""
import contextlib
import os
import signal
import subprocess
import sys

import program
from harness import scratch, wait_until  # noqa: F401, for whoever imports this

SPOTCTL = os.environ.get("SPOTCTL") or sys.exit("set SPOTCTL to the path of the spotctl program")


def dataset():
    """The real digits where the caller has them, else synthetic ones."""
    return os.environ.get("SPOT_TEST_MNIST") or "synthetic"


def new_volume(folder, name):
    (folder / name).mkdir()
    return folder / name


def command(volume, *flags, metadata="none"):
    return [SPOTCTL, "train", "--volume", str(volume), "--metadata", metadata, "--json", *map(str, flags)]


class Result(program.Said):
    def __init__(self, process, out, err):
        self.code, self.out, self.err = process.returncode, out, err


def start(arguments, env=None):
    """Runs meanwhile: `with spotctl.start(spotctl.command(...)) as run:`."""
    return program.Program(arguments, env)


def run(arguments, timeout=300, env=None):
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **(env or {})})
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Result(process, out, err)


@contextlib.contextmanager
def metadata_service(*flags, cloud="aws"):
    """`spotctl simulate` of that cloud on a free port; yields its endpoint and process."""
    with start([SPOTCTL, "simulate", cloud, *flags]) as service:
        yield service.next("listening")["endpoint"], service.process
        service.process.send_signal(signal.SIGTERM)
        service.end()


class Checks:
    """Counts what held and what did not; the exit code says whether all did."""

    def __init__(self):
        self.failed = self.passed = 0

    def check(self, condition, what):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)

    def exit(self):
        print(f"{self.passed} checks held, {self.failed} failed")
        sys.exit(1 if self.failed else 0)

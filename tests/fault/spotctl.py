"""How the fault tests drive the real program: every run is a process of its own, on a real volume."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SPOTCTL = os.environ.get("SPOTCTL") or sys.exit("set SPOTCTL to the path of the spotctl program")


def dataset():
    """The real digits where the caller has them, else synthetic ones."""
    return os.environ.get("SPOT_TEST_MNIST") or "synthetic"


@contextlib.contextmanager
def scratch():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="spot-fault-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def new_volume(folder, name):
    (folder / name).mkdir()
    return folder / name


def command(volume, *flags, metadata="none"):
    return [SPOTCTL, "train", "--volume", str(volume), "--metadata", metadata, "--json", *map(str, flags)]


class Result:
    def __init__(self, process, out, err):
        self.code, self.out, self.err = process.returncode, out, err
        self.events = [json.loads(line) for line in out.splitlines() if line.startswith("{") and line.endswith("}")]

    def last(self, event):
        found = [e for e in self.events if e["event"] == event]
        return found[-1] if found else None


def run(arguments, timeout=300, env=None):
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **(env or {})})
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Result(process, out, err)


@contextlib.contextmanager
def metadata_service(*flags):
    """`spotctl simulate aws` on a free port; yields its endpoint and process."""
    process = subprocess.Popen([SPOTCTL, "simulate", "aws", *map(str, flags)], stdout=subprocess.PIPE, text=True)
    try:
        endpoint = json.loads(process.stdout.readline())["endpoint"]
        # Its request log must be read, or it would block.
        import threading
        threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()
        yield endpoint, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


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


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False

"""A run of the real spotctl on a small dataset, for what happens around it: its streams and its signals."""
import contextlib
import json
import os
import pathlib
import subprocess
import threading
import time

import harness
from harness import PATIENCE


class Cli:
    """spotctl, a dataset and a model that trains for ever unless it is told the number of steps."""

    def __init__(self, context, folder):
        self.context, self.folder, self.volumes = context, pathlib.Path(folder), 0
        self.spotctl = context.program("spotctl", "examples/spotctl")
        harness.write_dataset(self.folder / "data", 320)
        harness.write_model(self.folder / "model.json")

    def volume(self):
        self.volumes += 1
        path = self.folder / f"volume-{self.volumes}"
        path.mkdir()
        return path

    def train(self, volume, *flags, steps=1_000_000_000, metadata="none"):
        return [self.spotctl, "train", "--volume", volume, "--dataset", self.folder / "data", "--model",
                self.folder / "model.json", "--batch-size", 16, "--threads", 1, "--code-version", "none", "--metadata",
                metadata, "--steps", steps, "--epochs", 100000, "--checkpoint-seconds", 0, "--checkpoint-epochs", 0,
                *flags]

    def start(self, command, environment=None, **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        self.last_started = harness.start(command, env={**os.environ, **(environment or {})}, **streams)
        return self.last_started

    def run(self, *arguments, **streams):
        return self.end(self.start([self.spotctl, *arguments], **streams))

    def end(self, process, seconds=PATIENCE):
        """Waits for it and reads what it said."""
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            # A shell's children may hold the streams open.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=1)
            raise harness.Failure(f"it is stuck: {process.args}") from None
        return Ended(process.returncode, (out or b"").decode(), (err or b"").decode())

    def wait_for_steps(self, volume):
        """Until the run that was started last trains."""
        run = self.last_started

        def trains():
            return any(p.stat().st_size > 500 for p in volume.glob("logs/*.steps.csv"))

        harness.wait_until(lambda: trains() or run.poll() is not None)
        if not trains():
            run.kill()
            raise harness.Failure(f"training does not begin: {self.end(run)}")

    def check_saved(self, volume, what):
        """A whole checkpoint is there that a run would go on from."""
        ended = self.run("verify", "--json", volume)
        whole = ended.code == 0 and any(file["resume"] for file in ended.lines)
        self.context.check(whole, f"{what}: a whole checkpoint: {ended}")


class Ended:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def last(self, event):
        found = [line for line in self.lines if line.get("event") == event]
        return found[-1] if found else None

    def __str__(self):
        return f"exit code {self.code}, stdout: {self.out[-300:]!r}, stderr: {self.err[-300:]!r}"


class FullPipe:
    """A pipe that takes nothing more, until it is drained."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self.filler = 0
        try:
            while True:
                self.filler += os.write(self.writer, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(self.writer, True)
        self.received, self.thread = bytearray(), None

    def drain(self):
        """Reads on a thread from now on."""
        os.close(self.writer)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while piece := os.read(self.reader, 65536):
            self.received += piece
        os.close(self.reader)

    def text(self):
        """All that came behind the filler, once every writer is gone."""
        self.thread.join(PATIENCE)
        return bytes(self.received[self.filler:]).decode()


def seconds_of(action):
    start = time.monotonic()
    result = action()
    return time.monotonic() - start, result

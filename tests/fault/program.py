"""A program that is driven while it runs. What it says is read at once, so it never waits for its reader."""
import json
import os
import subprocess
import threading
import time

import harness
from harness import PATIENCE


class Said:
    """What a program said: `out` and `err`. On stdout a line may be an event in JSON."""

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{") and line.endswith("}")]

    def last(self, event):
        found = [e for e in self.events if e.get("event") == event]
        return found[-1] if found else None


class Program(Said):
    """In a with statement it is killed at the end."""

    def __init__(self, command, env=None):
        self.process = harness.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     env={**os.environ, **(env or {})})
        self.lines = {"stdout": [], "stderr": []}
        self.open = set(self.lines)
        self.changed = threading.Condition()  # guards lines and open
        self.taken = 0  # lines of stdout that next() is past
        self.threads = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self.lines]
        for thread in self.threads:
            thread.start()

    def _read(self, name):
        for line in getattr(self.process, name):
            with self.changed:
                self.lines[name].append(line)
                self.changed.notify_all()
        with self.changed:
            self.open.discard(name)
            self.changed.notify_all()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    # Decoded strictly: what leaves the program must be UTF-8.
    @property
    def out(self):
        return b"".join(self.lines["stdout"]).decode()

    @property
    def err(self):
        return b"".join(self.lines["stderr"]).decode()

    @property
    def code(self):
        """The exit code; None while it runs."""
        return self.process.poll()

    def says(self, text, seconds=PATIENCE):
        """Waits for a line with that text. False: it ended without one, or the time is up."""
        wanted, looked_at, found = text.encode(), dict.fromkeys(self.lines, 0), False

        def look():
            nonlocal found
            for name, lines in self.lines.items():
                found = found or any(wanted in line for line in lines[looked_at[name]:])
                looked_at[name] = len(lines)
            return found or not self.open

        with self.changed:
            self.changed.wait_for(look, seconds)
        return found

    def next(self, event, seconds=PATIENCE):
        """The next line that is such an event. None: it ended without one, or the time is up."""
        end = time.monotonic() + seconds
        lines = self.lines["stdout"]
        with self.changed:
            while True:
                while self.taken < len(lines):
                    line = json.loads(lines[self.taken])
                    self.taken += 1
                    if line["event"] == event:
                        return line
                if "stdout" not in self.open or not self.changed.wait(max(end - time.monotonic(), 0)):
                    return None

    def end(self, seconds=PATIENCE):
        """Waits until it ends by itself; returns the exit code."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise harness.Failure(f"it does not end: {self.process.args} {self}") from None
        self._join()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._join()

    def _join(self):
        for thread in self.threads:
            thread.join(PATIENCE)

    def __str__(self):
        return f"code {self.code}, stdout {self.out[-300:]!r}, stderr {self.err[-600:]!r}"

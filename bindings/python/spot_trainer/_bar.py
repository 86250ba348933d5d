"""How far a run has come, for people: one line that is rewritten in a terminal or notebook, else a line an epoch."""

from __future__ import annotations

import math
import shutil
import sys
from collections import deque
from typing import Any, Callable, Deque, Optional, TextIO

from ._enums import EventKind, Status
from ._records import Event, Progress

KINDS = EventKind.RUN_BEGIN | EventKind.EPOCH_END | EventKind.CHECKPOINT | EventKind.NOTICE | EventKind.RUN_END


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _line(event: Event) -> Optional[str]:
    """What to say of an event; None: nothing."""
    if event.kind == EventKind.RUN_BEGIN:
        return f"run {event.run_id} {'goes on' if event.resumed else 'begins'} at step {event.step}"
    if event.kind == EventKind.EPOCH_END:
        measured = ((event.accuracy, "training"), (event.validation_accuracy, "validation"), (event.test_accuracy, "test"))
        accuracies = ", ".join(f"{name} {value:.2%}" for value, name in measured if not math.isnan(value))
        return f"epoch {event.epoch}: loss {event.loss:.4f}, accuracy: {accuracies}"
    if event.kind == EventKind.CHECKPOINT and event.status != Status.OK:
        return f"the checkpoint of step {event.step} is not durable: {event.message}"
    if event.kind == EventKind.NOTICE:
        what = "withdrawn" if event.withdrawn else getattr(event.action, "name", str(event.action)).lower()
        return f"notice from {event.source}: {what} {event.detail}".rstrip()
    if event.kind == EventKind.RUN_END:
        return f"{getattr(event.run_reason, 'name', str(event.run_reason)).lower()} at step {event.step}"
    return None


def _is_terminal(file: Optional[TextIO]) -> bool:
    try:
        return file is not None and file.isatty()
    except ValueError:  # it is closed
        return False


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class Bar:
    """`note()` is told of events on the library's thread and only remembers them; `draw()` is called now and then on
    the thread that waits for the run, so a terminal that takes nothing holds up nothing but itself."""

    def __init__(self, progress: Callable[[], Progress], file: Optional[TextIO] = None) -> None:
        self._progress = progress
        self._file: Optional[TextIO] = file if file is not None else sys.stderr
        self._live = _is_terminal(self._file) or _in_notebook()
        self._lines: Deque[str] = deque(maxlen=1000)
        self._drawn = 0  # characters of the line that stands there now

    def note(self, event: Event) -> None:
        """Remembers what is to be said."""
        line = _line(event)
        if line is not None:
            self._lines.append(line)

    def draw(self) -> None:
        """Says what is to be said."""
        while self._lines:
            self._write(self._lines.popleft(), "\n")
        now = self._progress()
        if self._live and now.running:
            self._write(self._bar(now), "")

    def close(self) -> None:
        """Says the last of it, and leaves no bar."""
        while self._lines:
            self._write(self._lines.popleft(), "\n")
        if self._drawn:
            self._write("", "")

    def _bar(self, now: Progress) -> str:
        width = shutil.get_terminal_size().columns - 1
        share = now.step / now.total_steps if now.total_steps else 0.0
        text = f" {share:4.0%} step {now.step}/{now.total_steps} epoch {now.epoch}"
        if not math.isnan(now.loss):
            text += f" loss {now.loss:.4f}"
        if not math.isnan(now.samples_per_second):
            text += f" {now.samples_per_second:,.0f} samples/s"
        if not math.isnan(now.seconds_to_go):
            text += f" {_duration(now.seconds_to_go)} left"
        room = min(40, width - len(text) - 2)
        bar = f"[{'#' * round(share * room):{room}}]" if room > 4 else ""
        return (bar + text)[:width]

    def _write(self, line: str, end: str) -> None:
        if self._file is None:  # as under pythonw
            return
        erase = "\r" + " " * self._drawn + "\r" if self._drawn else ""
        try:
            self._file.write(erase + line + end)
            self._file.flush()
        except (OSError, ValueError):  # nobody reads it any more: no reason to stop a run
            self._file = None
        self._drawn = 0 if end else len(line)

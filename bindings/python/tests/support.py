"""What the tests share: data, configurations, child processes."""

from __future__ import annotations

import array
import dis
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

import spot_trainer as spot

logging.getLogger("spot_trainer").addHandler(logging.NullHandler())  # some of the tests provoke errors

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(HERE), "examples")


def images(count: int, channels: int = 1) -> memoryview:
    """Image i, value p: (i * 31 + p * 7 + label * 53) % 256, as in the tests of every binding."""
    size = 28 * 28 * channels
    values = bytearray(count * size)
    period = bytes(p * 7 % 256 for p in range(size))
    for i in range(count):
        offset = (i * 31 + i % 10 * 53) % 256
        values[i * size : (i + 1) * size] = period.translate(bytes((v + offset) % 256 for v in range(256)))
    return memoryview(values).cast("B", shape=[count, 28, 28, channels])


def labels(count: int) -> array.array[int]:
    """Label i is i % 10."""
    return array.array("q", (i % 10 for i in range(count)))


def dataset() -> spot.Dataset:
    """320 images to train on, 64 to test."""
    return spot.Dataset.from_arrays(images(320), labels(320), images(64), labels(64), name="formula")


class TestCase(unittest.TestCase):
    """Has a volume, and data that is made once."""

    data: spot.Dataset

    @classmethod
    def setUpClass(cls) -> None:
        cls.data = dataset()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.data.close()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.volume = self.new_volume("volume")

    def new_volume(self, name: str) -> str:
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        return path

    def config(self, **more: Any) -> spot.Config:
        values = {"volume": self.volume, "model": "mlp", "batch_size": 16, "metadata": "none", "steps": 30}
        return spot.Config({**values, **more})

    def trainer(self, **more: Any) -> spot.Trainer:
        """On the data of the class, with keys as config() sets them; closed after the test."""
        trainer = spot.Trainer(self.config(**more), self.data)
        self.addCleanup(trainer.close)
        return trainer

    def hash_after(self, steps: int) -> str:
        """The state hash of a run that nothing disturbed."""
        with spot.Trainer(self.config(volume=self.new_volume(f"undisturbed-{steps}"), steps=steps), self.data) as trainer:
            return trainer.run().state_hash


def at_step(step: int, action: Callable[[], Any]) -> Callable[[spot.Event], Any]:
    """A callback that does something, once, at a step."""
    return lambda event: action() if event.step == step else None


def ctrl_c_while_it_waits(has_begun: Callable[[], bool] = lambda: True) -> threading.Thread:
    """Sends SIGINT once the main thread waits within a call of the package, whose own thread may still be about to begin,
    and `has_begun()`; to be joined."""
    package, main_thread = os.path.dirname(spot.__file__), threading.main_thread().ident
    assert main_thread is not None

    def send() -> None:
        while True:
            frame: Optional[FrameType] = sys._current_frames().get(main_thread)
            waits = frame is not None and frame.f_code.co_name == "_next" and frame.f_code.co_filename.startswith(package)
            if waits and has_begun():
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.001)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


class Interruption:
    """Within a `with` block: an exception at the n-th place, counted from 0 and since `begin()`, where a signal handler
    could raise one in the package: when a function begins or goes on, when a loop goes round, and after a call. `came`
    tells whether there was such a place."""

    def __init__(self, place: int) -> None:
        self._left = place
        self._counts = False
        self.came = False
        self._package = os.path.dirname(spot.__file__)
        self._last: Dict[FrameType, str] = {}

    def begin(self) -> None:
        self._counts = True

    def __enter__(self) -> Interruption:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(self._package) or frame.f_code.co_name == "__del__":
            return None
        frame.f_trace_opcodes = True
        if event == "exception":  # what raised it is not gone on with
            self._last[frame] = ""
        if event == "opcode":
            before = self._last.get(frame, "")
            self._last[frame] = _names(frame.f_code)[frame.f_lasti]
            if self._counts and _lets_signals_in(before):
                self._left -= 1
                if self._left < 0:
                    self._counts, self.came = False, True
                    raise KeyboardInterrupt
        return self._trace


def _lets_signals_in(instruction: str) -> bool:
    if instruction.startswith("CALL_INTRINSIC") or instruction.endswith("NO_INTERRUPT"):
        return False
    return instruction.startswith(("CALL", "RESUME", "JUMP_BACKWARD", "JUMP_ABSOLUTE", "POP_JUMP_BACKWARD"))


_names_of: Dict[CodeType, Dict[int, str]] = {}


def _names(code: CodeType) -> Dict[int, str]:
    if code not in _names_of:
        _names_of[code] = {each.offset: each.opname for each in dis.get_instructions(code)}
    return _names_of[code]


def threads_since(before: Set[threading.Thread]) -> List[threading.Thread]:
    """Those that have begun, and not ended."""
    return [each for each in threading.enumerate() if each not in before]


def python(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    """A child process that runs this Python in its development mode, where every warning is an error."""
    path = os.pathsep.join([HERE, *sys.path])
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **more},
    )


def finished(process: subprocess.Popen[str], seconds: float = 120) -> Tuple[int, str, str]:
    """Its exit code and what it said."""
    with process:
        out, err = process.communicate(timeout=seconds)
        return process.returncode, out, err


def agent(volume: str, *keys: str) -> subprocess.Popen[str]:
    """The example agent, as a child process."""
    arguments: List[str] = [os.path.join(EXAMPLES, "agent.py"), volume, *keys]
    return python(*arguments)

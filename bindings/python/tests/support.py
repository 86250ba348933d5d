"""What the tests share: data, configurations, child processes."""

from __future__ import annotations

import array
import logging
import os
import subprocess
import sys
import tempfile
import unittest
from typing import Any, Callable, List, Tuple

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

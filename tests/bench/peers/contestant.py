"""What every contestant's process does: read the data, train for some seconds, test for some seconds, say how fast.

A contestant is trained on shuffled batches of images that lie ready in memory as floats, and shuffles anew each
epoch. Its result is one JSON object on stdout.
"""
import argparse
import gzip
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WARM_UP_STEPS = 12
WARM_UP_SECONDS = 1.0
LOSSES = 50  # at most so many steps at the beginning and at the end are averaged to see whether the loss falls


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=Path, required=True, help="JSON file of layers")
    parser.add_argument("--data", type=Path, required=True, help="folder of IDX files, plain or gzip")
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5, help="for training, and for testing")
    parser.add_argument("--threads", type=int, default=2)
    return parser


def layers_of(model: Path) -> list[dict[str, Any]]:
    return json.loads(model.read_text())["layers"]


def read_idx(folder: Path, name: str) -> np.ndarray:
    plain = folder / name
    data = plain.read_bytes() if plain.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


class Data:
    """Images as float32 in [0, 1], [sample][row][column]."""

    def __init__(self, folder: Path) -> None:
        self.train_images = read_idx(folder, "train-images-idx3-ubyte").astype(np.float32) / 255
        self.train_labels = read_idx(folder, "train-labels-idx1-ubyte").astype(np.int64)
        self.test_images = read_idx(folder, "t10k-images-idx3-ubyte").astype(np.float32) / 255
        self.test_labels = read_idx(folder, "t10k-labels-idx1-ubyte").astype(np.int64)


def shuffled_batches(count: int, batch_size: int) -> Iterator[np.ndarray]:
    """Indices of whole batches, for ever."""
    random = np.random.default_rng(1)
    while True:
        order = random.permutation(count)
        for first in range(0, count - batch_size + 1, batch_size):
            yield order[first:first + batch_size]


def measure(options: argparse.Namespace, data: Data, train_step: Callable[[Any], Any],
            test_batch: Callable[[int, int], Any], batches: Iterator[Any] | None = None) -> dict[str, Any]:
    """train_step(indices) returns the loss, as something that float() takes when it is wanted; test_batch(first, end)
    the number of hits among these test images, for int(). Both may return before the device has computed: float() and
    int() wait for it, and stand at both ends of what is timed. `batches` are shuffled_batches() where none are given.
    """
    batches = batches or shuffled_batches(len(data.train_labels), options.batch_size)
    losses: list[Any] = []
    start = time.perf_counter()
    while len(losses) < WARM_UP_STEPS or time.perf_counter() - start < WARM_UP_SECONDS:
        losses.append(train_step(next(batches)))
    float(losses[-1])
    step_seconds = []
    start = before = time.perf_counter()
    while before - start < options.seconds:
        losses.append(train_step(next(batches)))
        now = time.perf_counter()
        step_seconds.append(now - before)
        before = now
    float(losses[-1])
    train_seconds = time.perf_counter() - start

    count = len(data.test_labels)
    int(test_batch(0, options.batch_size))
    if count % options.batch_size:
        int(test_batch(count - count % options.batch_size, count))
    tested = hits = 0
    start = time.perf_counter()
    while tested == 0 or time.perf_counter() - start < options.seconds:
        hits += int(sum(test_batch(first, min(first + options.batch_size, count))
                        for first in range(0, count, options.batch_size)))
        tested += count
    test_seconds = time.perf_counter() - start

    part = min(LOSSES, len(losses) // 2)
    return {
        "train_samples_per_second": len(step_seconds) * options.batch_size / train_seconds,
        "test_samples_per_second": tested / test_seconds,
        "step_ms_median": 1e3 * statistics.median(step_seconds),
        "steps": len(losses),
        "first_loss": statistics.fmean(float(loss) for loss in losses[:part]),
        "last_loss": statistics.fmean(float(loss) for loss in losses[-part:]),
        "test_accuracy": hits / tested,
    }

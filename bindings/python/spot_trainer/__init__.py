"""spot-trainer: train neural networks on machines that can vanish, and lose nothing.

    import spot_trainer as spot

    config = spot.Config(volume="/mnt/data", dataset="mnist", epochs=3)
    with spot.Poller(config) as poller, spot.Trainer(config) as trainer:
        result = trainer.run(poller, progress=True)
    print(result.reason.name, result.step, result.state_hash)

A trainer runs a training job on a volume: a folder that outlives the machine. It saves checkpoints there, notices that
the machine is about to be taken away (`Poller`), makes a last checkpoint durable in time, and goes on from it on the
next machine. The state after step n depends on the configuration, the data and the seed alone.

Names, words and rules are those of the C header, spot_trainer.h, which has the last word on what a call does. Handles
are freed by `close()`, at the end of a `with` block, or when nobody refers to them any more, in any order.

**Threads.** A `Trainer` takes one call at a time, and everything else any number. Calls release the interpreter's lock.
Callbacks come on the thread that called, log messages on a thread of their own.

**Ctrl-C**, and every exception that a signal handler raises, ends a call that can take long within a second; a run saves
its state first. Then the exception is raised, and `Trainer.last_result` says how the run ended.

**Errors** are `SpotError`s, one class for each code of the library, with one line that says what was wrong and what to
do.
"""

from __future__ import annotations

import json
from typing import Any, Dict, Tuple

from ._calls import Cancel
from ._enums import Action, Answer, ElementType, EventKind, LogLevel, Role, RunReason, SaveReason, Split, Status
from ._errors import (
    BusyError,
    CallbackError,
    CancelledError,
    ConfigError,
    CorruptError,
    DataError,
    DivergedError,
    FencedError,
    ForkedError,
    InternalError,
    InvalidArgumentError,
    IoError,
    MismatchError,
    ModelError,
    NetworkError,
    NoMemoryError,
    NoSpaceError,
    NotFoundError,
    OrderError,
    SpotError,
    TimeoutError,
    UnsupportedError,
)
from ._library import library as _loaded
from ._log import LogQueue
from ._records import (
    CheckpointInfo,
    DatasetInfo,
    Event,
    Metrics,
    ModelInfo,
    Notice,
    PollerHealth,
    Progress,
    RunResult,
    SaveReport,
    TensorInfo,
    TrainerInfo,
    Verification,
    VolumeCheck,
)
from .checkpoint import Checkpoint, verify
from .config import Config, describe
from .dataset import Dataset
from .model import Model
from .poller import Poller
from .trainer import Trainer, benchmark, volume_check

__version__ = "0.1.0"


def version() -> str:
    """The library's release, e.g. "0.1.0"."""
    return str(_loaded.spot_version().decode())


def abi_version() -> Tuple[int, int]:
    """Major and minor version of the library's ABI."""
    major, minor = divmod(_loaded.spot_abi_version(), 65536)
    return major, minor


def build_info() -> Dict[str, Any]:
    """What the library was built of, what it can compute on, and its file: {"version", "abi_version", "library",
    "compiler", "build_type", "libraries", "backends", "processors"}."""
    info: Dict[str, Any] = json.loads(_loaded.spot_build_info())
    return info


__all__ = [
    "Action",
    "Answer",
    "BusyError",
    "CallbackError",
    "Cancel",
    "CancelledError",
    "Checkpoint",
    "CheckpointInfo",
    "Config",
    "ConfigError",
    "CorruptError",
    "DataError",
    "Dataset",
    "DatasetInfo",
    "DivergedError",
    "ElementType",
    "Event",
    "EventKind",
    "FencedError",
    "ForkedError",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "LogLevel",
    "LogQueue",
    "Metrics",
    "MismatchError",
    "Model",
    "ModelError",
    "ModelInfo",
    "NetworkError",
    "NoMemoryError",
    "NoSpaceError",
    "NotFoundError",
    "Notice",
    "OrderError",
    "Poller",
    "PollerHealth",
    "Progress",
    "Role",
    "RunReason",
    "RunResult",
    "SaveReason",
    "SaveReport",
    "SpotError",
    "Split",
    "Status",
    "TensorInfo",
    "TimeoutError",
    "Trainer",
    "TrainerInfo",
    "UnsupportedError",
    "Verification",
    "VolumeCheck",
    "abi_version",
    "benchmark",
    "build_info",
    "describe",
    "verify",
    "version",
    "volume_check",
]

"""Checkpoint files."""

from __future__ import annotations

import json
from ctypes import byref, c_uint64, c_void_p
from typing import Any, Dict, Optional

from . import _abi
from ._arrays import Input
from ._calls import CANCEL, Cancel, created, run_call
from ._enums import ElementType
from ._library import Handle, Path, c_path, call, filled, library, owned_text, take_text
from ._records import CheckpointInfo, Verification, record
from ._tensors import HasTensors
from .config import Config


class Checkpoint(HasTensors):
    """A checkpoint file, verified and in memory. Never changes; any number of threads may use it."""

    _kind = "checkpoint"

    @classmethod
    def _of(cls, handle: Handle) -> Checkpoint:
        checkpoint = cls.__new__(cls)
        checkpoint._handle = handle
        return checkpoint

    @classmethod
    def open(cls, path: Path, cancel: Optional[Cancel] = None) -> Checkpoint:
        """A file, or the newest good one of a folder (a volume or its checkpoints/), without changing anything.
        NotFoundError; CorruptError, with the `byte_offset`."""
        free, function = library.spot_checkpoint_free, library.spot_checkpoint_open
        return cls._of(created(free, function, c_path(path), CANCEL, cancel=cancel))

    @classmethod
    def open_memory(cls, data: Any) -> Checkpoint:
        """The same from bytes in memory, which are not needed afterwards."""
        given = Input("data", data, (ElementType.UINT8,))
        return cls._of(
            created(
                library.spot_checkpoint_free,
                library.spot_checkpoint_open_memory,
                given.address,
                given.bytes,
                CANCEL,
            )
        )

    def info(self) -> CheckpointInfo:
        """What it says of itself."""
        return record(CheckpointInfo, filled(_abi.CheckpointInfoStruct, library.spot_checkpoint_get_info, self._use))

    def describe(self) -> Dict[str, Any]:
        """All there is to show: model, configuration, tensors, dataset, history and more."""
        described: Dict[str, Any] = json.loads(take_text(library.spot_checkpoint_describe, self._use))
        return described

    def config(self) -> Config:
        """The configuration of its run, without what whoever wrote the file must not choose for its reader (volume,
        metadata, takeover, ...): set that before use."""
        return Config._of(created(library.spot_config_free, library.spot_checkpoint_get_config, self._use))

    def export(self, prefix: Path, cancel: Optional[Cancel] = None) -> None:
        """Writes <prefix>.json and <prefix>.safetensors. CancelledError: files that were there are as they were."""
        run_call(library.spot_checkpoint_export, self._use, c_path(prefix), CANCEL, cancel=cancel)


def verify(path: Path, cancel: Optional[Cancel] = None) -> Verification:
    """Verifies one checkpoint file, or every one of a folder (a volume or its checkpoints/), changing nothing."""
    good, bad, json_text = c_uint64(), c_uint64(), c_void_p()
    run_call(
        library.spot_checkpoint_verify,
        c_path(path),
        CANCEL,
        byref(good),
        byref(bad),
        byref(json_text),
        cancel=cancel,
    )
    return Verification(good.value, bad.value, json.loads(owned_text(json_text)))

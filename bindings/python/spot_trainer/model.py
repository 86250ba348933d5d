"""Trained networks, for prediction."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Optional

from . import _abi
from ._arrays import Input, Output
from ._calls import CANCEL, Call, Cancel, created
from ._enums import ElementType
from ._library import Handle, filled, library
from ._records import ModelInfo, record
from ._tensors import HasTensors
from .checkpoint import Checkpoint
from .config import Config
from .trainer import Path, Trainer

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

_FEW_IMAGES = 1024


class Model(HasTensors):
    """A trained network, for prediction: it needs no dataset and no volume, and writes nothing. Any number of threads
    may use it; one after the other computes. Of a `config` the keys device, threads, kernels, mode, precision,
    batch_size and shards count."""

    _kind = "model"
    _info: ModelInfo

    @classmethod
    def _of(cls, handle: Handle) -> Model:
        model = cls.__new__(cls)
        model._handle = handle
        model._info = record(ModelInfo, filled(_abi.ModelInfoStruct, library.spot_model_get_info, handle))
        return model

    @classmethod
    def open(cls, path: Path, config: Optional[Config] = None, cancel: Optional[Cancel] = None) -> Model:
        """Of a checkpoint file, a folder of them (a volume), or one of the two files of an exported model."""
        free, function = library.spot_model_free, library.spot_model_open
        return cls._of(created(free, function, os.fsencode(path), _used(config), CANCEL, cancel=cancel))

    @classmethod
    def open_checkpoint(cls, checkpoint: Checkpoint, config: Optional[Config] = None) -> Model:
        """The same of a checkpoint that is open, which may be closed afterwards."""
        free, function = library.spot_model_free, library.spot_model_open_checkpoint
        return cls._of(created(free, function, checkpoint._use, _used(config)))

    @classmethod
    def open_trainer(cls, trainer: Trainer, config: Optional[Config] = None) -> Model:
        """The same of the network that a trainer has now; later steps do not show in it."""
        free, function = library.spot_model_free, library.spot_model_open_trainer
        return cls._of(created(free, function, trainer._use, _used(config)))

    def info(self) -> ModelInfo:
        """What it takes and gives, and where it comes from."""
        return self._info

    def predict(self, images: Any, out: Any = None, cancel: Optional[Cancel] = None) -> NDArray[float32]:
        """Class probabilities, [count, classes], of images, [count, rows, columns, channels], of uint8 or float32 as
        in `Dataset.from_arrays()`. `out` is an array of float32 to write them to. Releases the interpreter's lock.
        Without NumPy the result is a memoryview."""
        info = self._info
        given = Input("images", images, (ElementType.UINT8, ElementType.FLOAT32))
        image_bytes = info.rows * info.columns * info.channels * (4 if given.element_type == ElementType.FLOAT32 else 1)
        count = given.bytes // image_bytes
        output = Output((count, info.classes), out)
        made = Call(
            library.spot_model_predict,
            self._use,
            given.address,
            given.element_type,
            given.bytes,
            CANCEL,
            ctypes.c_void_p(output.address),
            output.length,
        )
        made.cancels = [cancel] if cancel is not None else []
        made.run(direct=count <= _FEW_IMAGES)  # which is over before anybody misses Ctrl-C
        return output.array  # type: ignore[no-any-return]


def _used(config: Optional[Config]) -> Optional[Handle]:
    return None if config is None else config._use

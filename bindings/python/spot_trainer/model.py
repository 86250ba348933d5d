"""Trained networks, for prediction."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from . import _abi
from ._arrays import MOVE_CHANNELS_LAST, Input, Output
from ._calls import CANCEL, Call, Cancel, created
from ._enums import ElementType
from ._errors import InvalidArgumentError
from ._library import Handle, Path, c_path, filled, library
from ._records import ModelInfo, record
from ._tensors import HasTensors
from .checkpoint import Checkpoint
from .config import Config
from .trainer import Trainer

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
        keeps = _kept(config)
        return cls._of(created(free, function, c_path(path), _used(config), CANCEL, cancel=cancel, keeps=keeps))

    @classmethod
    def open_checkpoint(cls, checkpoint: Checkpoint, config: Optional[Config] = None) -> Model:
        """The same of a checkpoint that is open, which may be closed afterwards."""
        free, function = library.spot_model_free, library.spot_model_open_checkpoint
        return cls._of(created(free, function, checkpoint._use, _used(config), keeps=_kept(config)))

    @classmethod
    def open_trainer(cls, trainer: Trainer, config: Optional[Config] = None) -> Model:
        """The same of the network that a trainer has now; later steps do not show in it."""
        free, function = library.spot_model_free, library.spot_model_open_trainer
        return cls._of(created(free, function, trainer._use, _used(config), keeps=_kept(config)))

    def info(self) -> ModelInfo:
        """What it takes and gives, and where it comes from."""
        return self._info

    def predict(self, images: Any, out: Any = None, cancel: Optional[Cancel] = None) -> NDArray[float32]:
        """Class probabilities, [count, classes], of images, [count, rows, columns, channels], of uint8 or float32 as in
        `Dataset.from_arrays()`; of a single one, or of values without a shape, too. `out` is an array of float32 to write
        them to. Releases the interpreter's lock. Without NumPy the result is a memoryview."""
        info = self._info
        given = Input("images", images, (ElementType.UINT8, ElementType.FLOAT32))
        self._check(given.shape)
        values = info.rows * info.columns * info.channels
        count = given.bytes // (values * (4 if given.element_type == ElementType.FLOAT32 else 1))
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
            cancels=[cancel],
        )
        made.run(direct=count <= _FEW_IMAGES)  # which is over before anybody misses Ctrl-C
        probabilities: NDArray[float32] = output.array
        return probabilities

    def _check(self, shape: Tuple[int, ...]) -> None:
        """Refuses images of another shape, though they may have as many bytes."""
        rows, columns, channels = image = self._info.rows, self._info.columns, self._info.channels
        images: List[Tuple[int, ...]] = [image, (rows * columns * channels,)]
        if channels == 1:
            images += [(rows, columns), (1, rows, columns)]
        if len(shape) == 1 or shape in images or shape[1:] in images:
            return
        remedy = f": {MOVE_CHANNELS_LAST.format('images')}" if shape[-3:] == (channels, rows, columns) else ""
        raise InvalidArgumentError(
            f"images has the shape {shape}, and this model takes [count, {rows}, {columns}, {channels}] (rows, columns, "
            f"channels){remedy}"
        )


def _used(config: Optional[Config]) -> Optional[Handle]:
    return None if config is None else config._use


def _kept(config: Optional[Config]) -> Any:
    return () if config is None else config._use.keeps

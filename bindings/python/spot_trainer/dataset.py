"""Labelled images to train and test on."""

from __future__ import annotations

from ctypes import byref
from typing import Any, Optional, Tuple

from . import _abi
from ._arrays import MOVE_CHANNELS_LAST, Input
from ._calls import CANCEL, Cancel, created
from ._enums import ElementType
from ._errors import InvalidArgumentError
from ._library import Handle, Owner, c_text, filled, library, sized
from ._records import DatasetInfo, record
from .config import Config

_IMAGES = (ElementType.UINT8, ElementType.FLOAT32)
_LABELS = (ElementType.UINT8, ElementType.INT32, ElementType.INT64)

_FEW_CHANNELS = 4  # as many as an axis may have to be taken for that of the channels


class Dataset(Owner):
    """Labelled images to train and test on. Never changes, so any number of trainers may share one."""

    @classmethod
    def _of(cls, handle: Handle) -> Dataset:
        dataset = cls.__new__(cls)
        dataset._handle = handle
        return dataset

    @classmethod
    def open(cls, config: Config, cancel: Optional[Cancel] = None) -> Dataset:
        """What the key dataset names; downloads it if need be, and keeps copies on the volume where one is set."""
        return cls._of(
            created(library.spot_dataset_free, library.spot_dataset_open, config._use, CANCEL, cancel=cancel)
        )

    @classmethod
    def from_arrays(
        cls,
        train_images: Any,
        train_labels: Any,
        test_images: Any = None,
        test_labels: Any = None,
        *,
        channels: int = 0,
        classes: int = 0,
        name: Optional[str] = None,
    ) -> Dataset:
        """Images and labels in memory: arrays of NumPy, tensors of PyTorch, or whatever else shows its memory.

        Images are [count, rows, columns] or [count, rows, columns, channels], of uint8, which the network sees divided
        by 255, or of float32, which it sees as it is. [count, 1, rows, columns] has one channel; of PyTorch's other
        images, [count, channels, rows, columns], the channels must be moved last. As a shape alone does not tell where
        they are, more than 4 must be stated by `channels`. Images are not copied: they must not change while the
        library uses them, which keeps them alive until the dataset is closed and no trainer uses it any more. (Without
        NumPy, memory that must not be written, like `bytes`, is copied.) Labels are uint8, int32 or int64, from 0 to
        classes - 1; `classes` 0 is the largest label plus one. A test set may be missing. `name` is what logs and
        checkpoints show.
        """
        arrays = sized(_abi.DatasetArraysStruct)
        train, labels = Input("train_images", train_images, _IMAGES), Input("train_labels", train_labels, _LABELS)
        kept = [train]
        image = _image_of("train_images", train.shape, channels)
        arrays.image_type, arrays.label_type = train.element_type, labels.element_type
        arrays.train_samples = train.shape[0]
        arrays.rows, arrays.columns, arrays.channels = image
        arrays.classes = classes
        arrays.name = None if name is None else c_text("name", name)
        arrays.train_images, arrays.train_image_bytes = train.address, train.bytes
        arrays.train_labels, arrays.train_label_bytes = labels.address, labels.bytes
        if test_images is not None:
            # Both parts have one type of elements.
            test = Input("test_images", test_images, (train.element_type,))
            test_label = Input("test_labels", test_labels, (labels.element_type,))
            if _image_of("test_images", test.shape, channels) != image:
                raise InvalidArgumentError(
                    f"test_images has images of {test.shape[1:]}, and train_images of {train.shape[1:]}"
                )
            kept.append(test)
            arrays.test_samples = test.shape[0]
            arrays.test_images, arrays.test_image_bytes = test.address, test.bytes
            arrays.test_labels, arrays.test_label_bytes = test_label.address, test_label.bytes
        # No function tells when they are not needed any more: the handles of the dataset and of trainers keep them.
        return cls._of(
            created(
                library.spot_dataset_free,
                library.spot_dataset_create,
                byref(arrays),
                None,
                CANCEL,
                None,
                _abi.NO_DESTROY_FUNCTION,
                keeps=kept,
            )
        )

    def info(self) -> DatasetInfo:
        """What it holds."""
        return record(DatasetInfo, filled(_abi.DatasetInfoStruct, library.spot_dataset_get_info, self._use))


def _image_of(name: str, shape: Tuple[int, ...], channels: int) -> Tuple[int, int, int]:
    """Rows, columns and channels, where the shape leaves no doubt; with `channels` 0 it tells those, too."""
    remedy = ""
    if len(shape) in (3, 4):
        _, first, second, last = shape if len(shape) == 4 else (*shape, 1)
        if last == channels or (not channels and last <= _FEW_CHANNELS):
            return first, second, last
        if first == 1 and channels in (0, 1):
            return second, last, 1
    if len(shape) == 4:
        remedy = f": {MOVE_CHANNELS_LAST.format(name)}"
        remedy += f", or say channels={shape[3]} if they are last" if not channels else ""
    raise InvalidArgumentError(
        f"{name} has the shape {shape}, and [count, rows, columns] or [count, rows, columns, {channels or 'channels'}] is "
        f"needed{remedy}"
    )

"""Labelled images to train and test on."""

from __future__ import annotations

import itertools
from ctypes import byref
from typing import Any, Dict, Optional

from . import _abi
from ._arrays import Input
from ._calls import CANCEL, Cancel, created
from ._enums import ElementType
from ._errors import InvalidArgumentError
from ._library import Handle, Owner, filled, library, sized
from ._records import DatasetInfo, record
from .config import Config

_IMAGES = (ElementType.UINT8, ElementType.FLOAT32)
_LABELS = (ElementType.UINT8, ElementType.INT32, ElementType.INT64)

# The arrays that the library still uses, by the number that it calls _release with.
_in_use: Dict[int, Any] = {}
_numbers = itertools.count(1)


def _forget(number: int) -> None:
    _in_use.pop(number, None)


_release = _abi.DestroyFunction(_forget)


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
        classes: int = 0,
        name: Optional[str] = None,
    ) -> Dataset:
        """Images and labels in memory: arrays of NumPy, tensors of PyTorch, or whatever else shows its memory.

        Images are [count, rows, columns] or [count, rows, columns, channels], of uint8, which the network sees divided
        by 255, or of float32, which it sees as it is. They are not copied: they must not change while the library
        uses them, which keeps them alive until the dataset is closed and no trainer uses it any more. (Without NumPy,
        memory that must not be written, like `bytes`, is copied.) Labels are uint8, int32 or int64, from 0 to
        classes - 1; `classes` 0 is the largest label plus one. A test set may be missing. `name` is what logs and
        checkpoints show.
        """
        arrays = sized(_abi.DatasetArraysStruct)
        train, labels = Input("train_images", train_images, _IMAGES), Input("train_labels", train_labels, _LABELS)
        kept = [train, labels]
        if len(train.shape) not in (3, 4):
            raise InvalidArgumentError(
                f"train_images has the shape {train.shape}: [count, rows, columns] or [count, rows, columns, channels] "
                "is needed"
            )
        arrays.image_type, arrays.label_type = train.element_type, labels.element_type
        arrays.train_samples, arrays.rows, arrays.columns, arrays.channels = (*train.shape, 1)[:4]
        arrays.classes = classes
        arrays.name = None if name is None else name.encode()
        arrays.train_images, arrays.train_image_bytes = train.address, train.bytes
        arrays.train_labels, arrays.train_label_bytes = labels.address, labels.bytes
        if test_images is not None:
            # Both parts have one type of elements.
            test = Input("test_images", test_images, (train.element_type,))
            test_label = Input("test_labels", test_labels, (labels.element_type,))
            if test.shape[1:] != train.shape[1:]:
                raise InvalidArgumentError(
                    f"test_images has images of {test.shape[1:]}, and train_images of {train.shape[1:]}"
                )
            kept += [test, test_label]
            arrays.test_samples = test.shape[0]
            arrays.test_images, arrays.test_image_bytes = test.address, test.bytes
            arrays.test_labels, arrays.test_label_bytes = test_label.address, test_label.bytes
        number = next(_numbers)
        _in_use[number] = kept
        try:
            return cls._of(
                created(
                    library.spot_dataset_free,
                    library.spot_dataset_create,
                    byref(arrays),
                    None,
                    CANCEL,
                    number,
                    _release,
                )
            )
        except BaseException:
            _in_use.pop(number, None)
            raise

    def info(self) -> DatasetInfo:
        """What it holds."""
        return record(DatasetInfo, filled(_abi.DatasetInfoStruct, library.spot_dataset_get_info, self._use))

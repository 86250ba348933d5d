"""Memory of the caller's, and memory for the caller: NumPy's arrays where NumPy is installed, else memoryviews."""

from __future__ import annotations

import ctypes
import math
from typing import Any, Optional, Tuple

from ._enums import ElementType
from ._errors import InvalidArgumentError

_numpy: Any = None
_ELEMENT_TYPES = {
    ("B", 1): ElementType.UINT8,
    ("i", 4): ElementType.INT32,
    ("l", 8): ElementType.INT64,
    ("q", 8): ElementType.INT64,
    ("f", 4): ElementType.FLOAT32,
}

MOVE_CHANNELS_LAST = "move the channels last: numpy.ascontiguousarray({}.transpose(0, 2, 3, 1))"


def numpy() -> Any:
    """NumPy, imported when it is first needed; None where it is not installed."""
    global _numpy
    if _numpy is None:
        try:
            import numpy as found

            _numpy = found
        except ImportError:
            _numpy = False
    return _numpy or None


class Input:
    """An array of the caller's, as it lies: `address`, `bytes`, `shape`, `element_type`. Keeps it there while the
    object lives."""

    def __init__(self, name: str, array: Any, allowed: Tuple[ElementType, ...]) -> None:
        try:
            view = memoryview(array)
        except TypeError:  # a list, a tensor of PyTorch
            if numpy() is None:
                raise InvalidArgumentError(f"{name} gives no access to its memory: use an array, or install numpy")
            view = memoryview(numpy().asarray(array))
        if not view.c_contiguous:
            raise InvalidArgumentError(f"{name} has gaps or another order than C's: use numpy.ascontiguousarray()")
        kind = _ELEMENT_TYPES.get((view.format.lstrip("@=<"), view.itemsize))
        if kind not in allowed:
            names = " or ".join(each.name.lower() for each in allowed)
            raise InvalidArgumentError(
                f"{name} has elements of type {_type_name(array, view)}, and {names} is needed: convert them, "
                f"as with .astype('{allowed[-1].name.lower()}')"
            )
        assert kind is not None
        self.element_type = kind
        self.shape: Tuple[int, ...] = tuple(view.shape or ())
        self.bytes = view.nbytes
        self.address, self._keep = _address_of(view)


def _type_name(array: Any, view: memoryview) -> str:
    return str(getattr(array, "dtype", f"'{view.format}'"))


def _address_of(view: memoryview) -> Tuple[Optional[int], Any]:
    """Where the memory lies, and the object that keeps it there."""
    if view.nbytes == 0:
        return None, view
    if not view.readonly:
        exported = (ctypes.c_char * view.nbytes).from_buffer(view)
        return ctypes.addressof(exported), exported
    if numpy() is not None:
        array = numpy().frombuffer(view, dtype="uint8")
        return array.__array_interface__["data"][0], array
    return _address_of(memoryview(bytearray(view)))  # ctypes tells no address of what must not be written


class Output:
    """An array of float32 that the library fills: `array`, `address` and its number of elements, `length`."""

    def __init__(self, shape: Tuple[int, ...], given: Any = None) -> None:
        self.length = math.prod(shape)
        if given is not None:
            view: Any = memoryview(given)  # of floats or of bytes
            if view.readonly or not view.c_contiguous or view.format.lstrip("@=<") != "f":
                raise InvalidArgumentError("out must be a writable array of float32 in C's order, without gaps")
            self.array: Any = given
            self.length = view.nbytes // 4
        elif numpy() is not None:
            self.array = numpy().empty(shape, dtype="float32")
            view = memoryview(self.array)
        else:
            view = memoryview(bytearray(self.length * 4)).cast("f", shape=shape)
            self.array = view
        self.address, self._keep = _address_of(view)

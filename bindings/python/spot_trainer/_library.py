"""The library: where it is found, whether it fits, and how a short call of it is made."""

from __future__ import annotations

import ctypes
import os
from ctypes import byref, c_void_p
from typing import Any, Callable, Optional, Type, TypeVar, Union

from . import _abi
from ._errors import BY_CODE, InternalError, InvalidArgumentError, SpotError
from ._records import text_of

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

_NAME = f"libspot_trainer.so.{_abi.ABI_MAJOR}"


def _found() -> str:
    """The file that SPOT_TRAINER_LIBRARY names, or the one that the package carries, or the system's."""
    carried = os.path.join(os.path.dirname(__file__), "lib", _NAME)
    return os.environ.get("SPOT_TRAINER_LIBRARY") or (carried if os.path.exists(carried) else _NAME)


def _file_of(function: Any) -> str:
    """The file that a function was loaded from."""

    class Location(ctypes.Structure):
        _fields_ = [("file", ctypes.c_char_p), ("base", c_void_p), ("name", ctypes.c_char_p), ("address", c_void_p)]

    location = Location()
    ctypes.CDLL(None).dladdr(ctypes.cast(function, c_void_p), byref(location))
    return text_of(location.file)


def _load() -> ctypes.CDLL:
    path = _found()
    try:
        loaded = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(
            f"{error}: install the package libspot-trainer{_abi.ABI_MAJOR}, or name the library's file in "
            "SPOT_TRAINER_LIBRARY"
        ) from error
    version = getattr(loaded, "spot_abi_version", None)
    if version is None:
        raise ImportError(f"{path} is no library of spot-trainer: name its file in SPOT_TRAINER_LIBRARY")
    version.restype = ctypes.c_uint32
    major, minor = divmod(version(), 65536)
    if major != _abi.ABI_MAJOR or minor < _abi.ABI_MINOR:
        raise ImportError(
            f"{_file_of(version)} has ABI {major}.{minor}, and this package is for {_abi.ABI_MAJOR}.{_abi.ABI_MINOR} "
            f"or a later {_abi.ABI_MAJOR}: install one that fits, or name its file in SPOT_TRAINER_LIBRARY"
        )
    for name, (result, *parameters) in _abi.FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype = result
        function.argtypes = parameters
    return loaded


library = _load()


class Handle(c_void_p):
    """A handle that the library gives away through a parameter of ours. It is freed when nobody refers to it any more. A
    call that is given it refers to it, so one that is closed in the middle of a call is freed at the call's end; at
    whatever moment an exception of a signal handler comes, there is none that nobody frees."""

    def __init__(self, free: Callable[[c_void_p], None], *keeps: Any) -> None:
        """`keeps` is what must be there until it is freed."""
        super().__init__()
        self._free = free
        self.keeps = keeps

    def __del__(self) -> None:
        if self:
            self._free(self)

    __hash__ = object.__hash__  # which those of ctypes lack


def failure(status: int, error: c_void_p) -> SpotError:
    """The exception for what a call answered. Frees `error`."""
    try:
        return BY_CODE.get(status, InternalError)(
            text_of(library.spot_error_message(error)),
            library.spot_error_os_errno(error),
            library.spot_error_http_status(error),
            library.spot_error_byte_offset(error),
        )
    finally:
        library.spot_error_free(error)


def call(function: Callable[..., int], *arguments: Any) -> None:
    """Makes a call that is short: signals are looked at after it."""
    error = c_void_p()
    status = function(*arguments, byref(error))
    if status:
        raise failure(status, error)


def take_text(function: Callable[..., int], *arguments: Any) -> str:
    """Makes a short call that gives a text, and frees that."""
    out = c_void_p()
    call(function, *arguments, byref(out))
    return owned_text(out)


def owned_text(text: c_void_p) -> str:
    """The text, which the library gave away; frees it."""
    try:
        return text_of(ctypes.string_at(text))
    finally:
        library.spot_text_free(text)


def c_text(what: str, text: str) -> bytes:
    """`text` for the library, which reads texts up to their first zero byte; `what` is its name in the error."""
    return _without_zero(what, text.encode("utf-8", "surrogateescape"))


def c_path(path: Path) -> bytes:
    """`path` for the library."""
    return _without_zero("the path", os.fsencode(path))


def _without_zero(what: str, encoded: bytes) -> bytes:
    if b"\0" in encoded:
        raise InvalidArgumentError(f"{what} {text_of(encoded)!r} contains a zero byte, which no text for the library may")
    return encoded


Struct = TypeVar("Struct", bound=ctypes.Structure)


def sized(kind: Type[Struct]) -> Struct:
    """A struct that states its size and is zero otherwise."""
    struct = kind()
    struct.struct_size = ctypes.sizeof(kind)
    return struct


def filled(kind: Type[Struct], function: Callable[..., int], *arguments: Any) -> Struct:
    """The struct that a short call fills in."""
    struct = sized(kind)
    call(function, *arguments, byref(struct))
    return struct


class Owner:
    """What all objects with a handle have: `close()`, and `with` blocks that end in it."""

    _handle: Optional[Handle] = None

    @property
    def _use(self) -> Handle:
        """The handle, for a call."""
        handle = self._handle
        if handle is None:
            raise InvalidArgumentError(f"this {type(self).__name__} is closed")
        return handle

    def close(self) -> None:
        """Frees what the library keeps for this object, at the end of a call that still uses it. Any thread may do
        it, and more than once; whatever was created from it goes on."""
        self._handle = None

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._handle is None

    def __enter__(self: OwnerType) -> OwnerType:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


OwnerType = TypeVar("OwnerType", bound=Owner)

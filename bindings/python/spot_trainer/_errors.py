"""One exception for each code of the library, all of them a SpotError."""

from __future__ import annotations

import builtins
from typing import Dict, Optional, Type

from ._enums import Status
from ._records import Metrics


class SpotError(Exception):
    """A call of the library that failed. `str(error)` is one line: what was wrong, with which file, key or value,
    and what to do.

    Where it is natural, the exception for a code is one of Python's, too: a `TimeoutError` of this package is a
    `builtins.TimeoutError`, a `NotFoundError` is a `FileNotFoundError`.
    """

    #: The code of this class.
    code: Status = Status.INTERNAL
    #: One line, the same as `str(error)`.
    message: str
    #: errno of the failed system call; 0: none.
    os_errno: int
    #: Status of the HTTP answer; 0: none.
    http_status: int
    #: Where in the file, in bytes from its start; -1: unknown.
    byte_offset: int
    #: How far `Trainer.step()` came that was cancelled or failed; else None.
    metrics: Optional[Metrics] = None

    def __init__(self, message: str, os_errno: int = 0, http_status: int = 0, byte_offset: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.os_errno = os_errno
        self.http_status = http_status
        self.byte_offset = byte_offset
        if os_errno and isinstance(self, OSError):
            setattr(self, "errno", os_errno)

    def __str__(self) -> str:
        return self.message


class InvalidArgumentError(SpotError, ValueError):
    """A wrong size, index or flag; a handle that is closed."""

    code = Status.INVALID_ARGUMENT


class ConfigError(SpotError, ValueError):
    """An unknown key, a value out of bounds, keys that contradict each other, a key that is not set."""

    code = Status.CONFIG


class DataError(SpotError, ValueError):
    """A dataset or an image is damaged, or not what it claims to be."""

    code = Status.DATA


class ModelError(SpotError, ValueError):
    """A model that cannot be: unknown layer, impossible shape."""

    code = Status.MODEL


class IoError(SpotError, OSError):
    """The operating system failed to read or write."""

    code = Status.IO


class NoSpaceError(SpotError, OSError):
    """The volume is full, or a quota is used up."""

    code = Status.NO_SPACE


class CorruptError(SpotError):
    """A checkpoint is damaged; from restoring a volume: every one on it is."""

    code = Status.CORRUPT


class NotFoundError(SpotError, FileNotFoundError, LookupError):
    """No such file, folder, tensor, checkpoint or notice."""

    code = Status.NOT_FOUND


class MismatchError(SpotError):
    """A checkpoint of another model, dataset or configuration."""

    code = Status.MISMATCH


class NetworkError(SpotError, ConnectionError):
    """No server gave what was asked for."""

    code = Status.NETWORK


class BusyError(SpotError):
    """The handle is in use by another call."""

    code = Status.BUSY


class OrderError(SpotError):
    """A call that makes no sense now."""

    code = Status.ORDER


class CancelledError(SpotError):
    """The `Cancel` was triggered; a trainer's state is that of a whole step."""

    code = Status.CANCELLED


class CallbackError(SpotError):
    """A callback returned `Answer.FAIL`."""

    code = Status.CALLBACK


class ForkedError(SpotError):
    """The handle belongs to the parent process."""

    code = Status.FORKED


class FencedError(SpotError):
    """Another writer has taken over the volume: this one may not go on."""

    code = Status.FENCED


class TimeoutError(SpotError, builtins.TimeoutError):  # noqa: A001: as asyncio and concurrent.futures name theirs
    """Nothing happened within the time given; the volume is in use."""

    code = Status.TIMEOUT


class UnsupportedError(SpotError):
    """This build, machine or version cannot do it."""

    code = Status.UNSUPPORTED


class NoMemoryError(SpotError, MemoryError):
    """Out of memory."""

    code = Status.NO_MEMORY


class InternalError(SpotError):
    """A fault of the library: please report it."""

    code = Status.INTERNAL


class DivergedError(SpotError, ArithmeticError):
    """Training has failed: a loss, gradient norm or tensor is not finite."""

    code = Status.DIVERGED


BY_CODE: Dict[int, Type[SpotError]] = {each.code: each for each in SpotError.__subclasses__()}

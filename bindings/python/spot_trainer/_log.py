"""The library's messages: into `logging`, to a function, or from a queue.

The library's threads only ever write into a queue of its own. A Python callback on them would wait for the
interpreter's lock in the middle of a save, and would end such a thread when the interpreter ends.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import threading
import traceback
from ctypes import byref, c_int32, c_void_p
from typing import Callable, Dict, Iterator, Optional, Tuple, Union

from ._calls import CANCEL, Call, Cancel, created
from ._enums import LogLevel
from ._errors import CancelledError, TimeoutError
from ._library import Owner, call, library, owned_text

Receiver = Union[logging.Logger, Callable[[LogLevel, str], None]]

_CAPACITY = 4096
_LOGGING_LEVELS = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}


def milliseconds(timeout: Optional[float]) -> int:
    """A time-out in seconds, None for ever, as the library takes it."""
    return -1 if timeout is None or math.isinf(timeout) else max(0, math.ceil(timeout * 1000))


class LogQueue(Owner):
    """Messages that wait to be fetched, see `Config.set_log_queue()`. Any number of threads may use it."""

    def __init__(self, level: int = LogLevel.INFO, capacity: int = _CAPACITY) -> None:
        """Keeps messages of `level` and graver ones, at most `capacity`; when more wait, the oldest are dropped."""
        self._closing = Cancel()
        self._handle = created(library.spot_log_queue_free, library.spot_log_queue_create, level, capacity)

    def next(self, timeout: Optional[float] = None, cancel: Optional[Cancel] = None) -> Tuple[LogLevel, str]:
        """Waits for the next message, for at most `timeout` seconds; TimeoutError: none came."""
        level, message = c_int32(), c_void_p()
        made = Call(
            library.spot_log_queue_next, self._use, milliseconds(timeout), CANCEL, byref(level), byref(message)
        )
        made.cancels = [self._closing] + ([cancel] if cancel is not None else [])
        made.run()
        return LogLevel(level.value), owned_text(message)

    def __iter__(self) -> Iterator[Tuple[LogLevel, str]]:
        """Messages as they come, until the queue is closed."""
        while not self.closed:
            try:
                yield self.next()
            except CancelledError:
                return

    def close(self) -> None:
        """Frees it; waits in progress end with CancelledError."""
        super().close()
        self._closing.trigger()


class _Forwarder:
    """A queue, and the thread that hands on what comes in there. It lives as long as the process: nobody can tell
    when the last trainer that writes to it is gone."""

    def __init__(self, receiver: Receiver, level: int) -> None:
        self.queue = LogQueue(level)
        self._receiver = receiver
        self._receiving = threading.Lock()
        self._handle = self.queue._use
        # A daemon, which waits inside the library when the interpreter ends.
        threading.Thread(target=self._forward, name="spot_trainer log", daemon=True).start()

    def _forward(self) -> None:
        while True:
            self._hand_on(-1)

    def drain(self) -> None:
        """Hands on what waits, and waits for what is being handed on."""
        try:
            while True:
                self._hand_on(0)
        except TimeoutError:
            self._receiving.acquire(timeout=10)

    def _hand_on(self, timeout_ms: int) -> None:
        level, message = c_int32(), c_void_p()
        call(library.spot_log_queue_next, self._handle, timeout_ms, None, byref(level), byref(message))
        text = owned_text(message)
        with self._receiving:
            try:
                if isinstance(self._receiver, logging.Logger):
                    self._receiver.log(_LOGGING_LEVELS[LogLevel(level.value)], "%s", text)
                else:
                    self._receiver(LogLevel(level.value), text)
            except Exception:  # the receiver's; there is nobody to tell but whoever reads stderr
                traceback.print_exc()


_forwarders: Dict[Tuple[Receiver, int], _Forwarder] = {}
_lock = threading.Lock()


def queue_to(receiver: Receiver, level: int) -> LogQueue:
    """A queue whose messages `receiver` is given, on a thread of its own."""
    with _lock:
        forwarder = _forwarders.get((receiver, level))
        if forwarder is None:
            forwarder = _forwarders[receiver, level] = _Forwarder(receiver, level)
        return forwarder.queue


@atexit.register
def _drain() -> None:
    for forwarder in list(_forwarders.values()):
        forwarder.drain()


def _forget() -> None:
    """In a child made by fork() the threads are gone, and the queues belong to the parent."""
    global _lock
    _lock = threading.Lock()
    _forwarders.clear()


os.register_at_fork(after_in_child=_forget)

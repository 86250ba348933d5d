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
import weakref
from ctypes import byref, c_int32, c_void_p
from queue import SimpleQueue
from typing import Callable, Iterator, Optional, Set, Tuple, Union

from ._calls import CANCEL, Call, Cancel, created, new_cancel
from ._enums import LogLevel
from ._errors import CancelledError, InvalidArgumentError, TimeoutError
from ._library import Handle, Owner, call, library, owned_text

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
        level, text = c_int32(), c_void_p()
        Call(
            library.spot_log_queue_next,
            self._use,
            milliseconds(timeout),
            CANCEL,
            byref(level),
            byref(text),
            cancels=[self._closing, cancel],
        ).run()
        return LogLevel(level.value), owned_text(text)

    def __iter__(self) -> Iterator[Tuple[LogLevel, str]]:
        """Messages as they come, until the queue is closed."""
        while not self.closed:
            try:
                yield self.next()
            except CancelledError:
                return
            except InvalidArgumentError:
                if self.closed:  # meanwhile
                    return
                raise

    def close(self) -> None:
        """Frees it; waits in progress end with CancelledError."""
        super().close()
        self._closing.trigger()


class _Forwarder:
    """Hands on what comes into a queue of its own, on a thread of its own, as long as anybody refers to it: handles of
    configurations do, and of what was created from them. Between messages that thread does not refer to it, nor to the
    receiver, which may itself refer to such an object."""

    def __init__(self, receiver: Receiver, level: int) -> None:
        self.receiver = receiver
        self._heirs: SimpleQueue[Receiver] = SimpleQueue()
        self._closing = new_cancel()
        self.queue = created(library.spot_log_queue_free, library.spot_log_queue_create, level, _CAPACITY)
        thread = threading.Thread(
            target=_forward,
            args=(weakref.ref(self), self._heirs, self._closing, self.queue),
            name="spot_trainer log",
            daemon=True,  # see _hand_on_the_rest()
        )
        try:
            thread.start()
            _threads.add(thread)
        except RuntimeError:  # so late in the life of the process that no thread can be started
            pass

    def end(self) -> None:
        """Has the thread hand on what waits, and end."""
        self._heirs.put(self.receiver)
        library.spot_cancel_trigger(self._closing)

    __del__ = end


def _forward(
    reference: weakref.ref[_Forwarder], heirs: SimpleQueue[Receiver], closing: Handle, queue: Handle
) -> None:
    """What the thread of a forwarder does."""
    while True:
        message = _taken(queue, -1, closing)
        forwarder = reference() if message is not None else None
        if message is None or forwarder is None:
            break
        _hand_on(forwarder.receiver, *message)
        del forwarder
    receiver = heirs.get()
    message = message or _taken(queue, 0, None)
    while message is not None:
        _hand_on(receiver, *message)
        message = _taken(queue, 0, None)
    _threads.discard(threading.current_thread())


def _taken(queue: Handle, timeout_ms: int, cancel: Optional[Handle]) -> Optional[Tuple[LogLevel, str]]:
    """The next message; None: none came."""
    level, text = c_int32(), c_void_p()
    try:
        call(library.spot_log_queue_next, queue, timeout_ms, cancel, byref(level), byref(text))
    except (TimeoutError, CancelledError):
        return None
    return LogLevel(level.value), owned_text(text)


def _hand_on(receiver: Receiver, level: LogLevel, text: str) -> None:
    try:
        if isinstance(receiver, logging.Logger):
            receiver.log(_LOGGING_LEVELS[level], "%s", text)
        else:
            receiver(level, text)
    except Exception:  # the receiver's; there is nobody to tell but whoever reads stderr
        traceback.print_exc()


# Those that are referred to, by their receiver's id() and level.
_forwarders: weakref.WeakValueDictionary[Tuple[int, int], _Forwarder] = weakref.WeakValueDictionary()
_threads: Set[threading.Thread] = set()
_lock = threading.Lock()


def forwarder_to(receiver: Receiver, level: int) -> _Forwarder:
    """Who has `receiver` given the messages of a queue, on a thread of its own."""
    with _lock:
        forwarder = _forwarders.get((id(receiver), level))
        if forwarder is None:
            forwarder = _forwarders[id(receiver), level] = _Forwarder(receiver, level)
        return forwarder


@atexit.register
def _hand_on_the_rest() -> None:
    for forwarder in list(_forwarders.values()):
        forwarder.end()
    for thread in list(_threads):
        thread.join(timeout=10)


def _forget() -> None:
    """In a child made by fork() the threads are gone, and the queues belong to the parent."""
    global _lock
    _lock = threading.Lock()
    _forwarders.clear()
    _threads.clear()


os.register_at_fork(after_in_child=_forget)

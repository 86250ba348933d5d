"""Calls that can take long, and how a signal, an exception or a `Cancel` ends them.

Python runs signal handlers on the main thread, and not while that is inside the library. So on the main thread such a
call is made on a thread of its own, and the main thread waits for it: a handler runs at once, whoever installed it,
and an exception that it raises (Ctrl-C: KeyboardInterrupt) stops the call. On every other thread, where no handler ever
runs, the call is made directly.
"""

from __future__ import annotations

import threading
from ctypes import byref, c_void_p
from typing import Any, Callable, Generator, List, Optional, Set

from ._enums import Answer, Status
from ._errors import SpotError
from ._library import Handle, call, failure, library
from ._records import Event

CANCEL = object()  #: stands among the arguments where the call's spot_cancel goes
Callback = Callable[[Event], Any]


def _new_cancel() -> Handle:
    out = c_void_p()
    call(library.spot_cancel_create, byref(out))
    return Handle(out.value, library.spot_cancel_free)


class Cancel:
    """A request to stop, for the calls that can take long: one for as many of them as you like, at once or one after
    the other. Any thread, and any signal handler written in Python, may trigger it."""

    def __init__(self) -> None:
        self._triggered = False
        self._calls: Set[Handle] = set()  # the library's own, one for each call in progress

    def trigger(self) -> None:
        """Asks every call that was given this object to stop: training at the next step boundary, everything else
        within a second."""
        self._triggered = True
        for each in tuple(self._calls):
            library.spot_cancel_trigger(each)

    def is_triggered(self) -> bool:
        """Whether `trigger()` was called, since the last `reset()`."""
        return self._triggered

    def reset(self) -> None:
        """Makes it usable again; calls in progress that were asked to stop do so all the same."""
        self._triggered = False

    def _attach(self, handle: Handle) -> None:
        self._calls.add(handle)
        if self._triggered:
            library.spot_cancel_trigger(handle)

    def _detach(self, handle: Handle) -> None:
        self._calls.discard(handle)


class Call:
    """One call of a function that takes a spot_cancel. A function of a trainer tells of events meanwhile."""

    def __init__(self, function: Callable[..., int], *arguments: Any) -> None:
        self._function = function
        self._cancel = _new_cancel()
        self._arguments = [self._cancel if each is CANCEL else each for each in arguments]
        self._error = c_void_p()
        #: Each of them stops the call.
        self.cancels: List[Cancel] = []
        #: Is told of events of these kinds, on the thread that waits for the call, which is held up meanwhile.
        self.callback: Optional[Callback] = None
        self.callback_kinds = 0
        #: Is told of every event, on whatever thread it comes; must be quick.
        self.observer: Optional[Callback] = None
        #: Called now and then while the call is waited for.
        self.ticker: Optional[Callable[[], None]] = None
        #: What the call answered; None before its end.
        self.status: Optional[int] = None

        self._direct = False
        self._exception: Optional[BaseException] = None  # raised by a callback on the library's way, or by ctypes
        # What the two threads tell each other. The locks only wake the other one: what counts are the
        # variables, since an exception of a signal handler can come between any two instructions.
        self._event: Optional[Event] = None  # is waiting for its answer
        self._answer = 0
        self._begun = False
        self._abandoned = False
        self._ended = False
        self._wake = threading.Lock()
        self._wake.acquire()
        self._answered = threading.Lock()
        self._answered.acquire()

    def run(self, direct: bool = False) -> None:
        """Makes the call and returns after its end. Raises what stopped it, or else how it failed."""
        if direct or threading.current_thread() is not threading.main_thread():
            self._run_directly()
            return
        events = self.events()
        try:
            for event in events:
                assert self.callback is not None
                self._answer = int(self.callback(event) or Answer.CONTINUE)
        except BaseException as stop:
            events.throw(stop)  # which raises it again, when the call has ended
            raise

    def _run_directly(self) -> None:
        self._direct = True
        with _Attached(self):
            self._make()
        if self._exception is not None:
            self._raise(self._exception)
        self._raise(None)

    def events(self) -> Generator[Event, None, None]:
        """Makes the call on a thread of its own and gives its events; it goes on when the next one is asked for."""
        # Not a daemon: a process that ends meanwhile waits for the state to be saved.
        thread = threading.Thread(target=self._make, name="spot_trainer call", daemon=False)
        with _Attached(self):
            try:
                thread.start()
            except RuntimeError:  # so late in the life of the process that no thread can be started
                self._run_directly()
                return
            except BaseException as stop:  # a signal handler's: the thread may be at work, or begin later
                self._abandoned = True
                if self._begun:
                    self._stop()
                self._raise(stop)
            try:
                while self._wait():
                    assert self._event is not None
                    yield self._event
                    self._reply()
            except BaseException as stop:
                self._stop()
                self._raise(stop)
        self._raise(None)

    def tell(self, event: Event) -> int:
        """Called by the library, on the thread of the call: what to answer to an event."""
        if self.observer is not None:
            self.observer(event)
        if not event.kind & self.callback_kinds or self._exception is not None:
            return Answer.CONTINUE
        if self._direct:
            try:
                assert self.callback is not None
                return int(self.callback(event) or Answer.CONTINUE)
            except BaseException as exception:
                self._exception = exception
                library.spot_cancel_trigger(self._cancel)
                return Answer.CONTINUE
        self._answer = Answer.CONTINUE
        self._event = event
        _open(self._wake)
        while self._event is not None:
            if not self._answered.acquire(timeout=0.2) and not threading.main_thread().is_alive():
                # The process ends, and whoever was to answer is gone, say with an events() in the middle.
                library.spot_cancel_trigger(self._cancel)
                return Answer.CONTINUE
        return self._answer

    def _make(self) -> None:
        self._begun = True
        try:
            if not self._abandoned:
                self.status = self._function(*self._arguments, byref(self._error))
        except BaseException as exception:
            self._exception = exception
        finally:
            self._ended = True
            _open(self._wake)

    def _wait(self) -> bool:
        """Waits for an event or the end; whether it is an event."""
        while self._event is None and not self._ended:
            self._wake.acquire(timeout=-1 if self.ticker is None else 0.1)
            if self.ticker is not None:
                self.ticker()
        return self._event is not None

    def _reply(self) -> None:
        self._event = None
        _open(self._answered)

    def _stop(self) -> None:
        """Stops the call and waits for its end. An exception is on its way; others that signal handlers raise now
        would change nothing, so they are dropped."""
        while not self._ended:
            try:
                library.spot_cancel_trigger(self._cancel)
                if self._event is not None:
                    self._answer = Answer.CONTINUE
                    self._reply()
                self._wake.acquire(timeout=1)
            except BaseException:
                continue

    def _raise(self, stop: Optional[BaseException]) -> None:
        """Raises `stop`, if there is one, or else how the call failed, if it did."""
        failed: Optional[BaseException] = self._exception if self._exception is not stop else None
        if failed is None and self.status:
            failed = failure(self.status, self._error)
            self._error = c_void_p()
        if stop is None:
            if failed is not None:
                raise failed
            return
        if failed is None or (isinstance(failed, SpotError) and failed.code == Status.CANCELLED):
            raise stop
        if isinstance(stop, GeneratorExit):
            raise failed
        raise stop from failed


class _Attached:
    """While a call is in progress, its cancels trigger the library's."""

    def __init__(self, attached: Call) -> None:
        self._call = attached

    def __enter__(self) -> None:
        for cancel in self._call.cancels:
            cancel._attach(self._call._cancel)

    def __exit__(self, *_: object) -> None:
        for cancel in self._call.cancels:
            cancel._detach(self._call._cancel)


def _open(lock: threading.Lock) -> None:
    """Wakes the only thread that acquires it, now or when it next tries to. Only one thread may call this."""
    if lock.locked():
        lock.release()


def run_call(function: Callable[..., int], *arguments: Any, cancel: Optional[Cancel] = None) -> None:
    """Makes a call that can take long. CANCEL among the arguments stands for its spot_cancel."""
    made = Call(function, *arguments)
    made.cancels = [cancel] if cancel is not None else []
    made.run()


def created(
    free: Callable[[Any], None], function: Callable[..., int], *arguments: Any, cancel: Optional[Cancel] = None
) -> Handle:
    """The handle that a function gives through its last parameter but one; a call that can take long if CANCEL is
    among the arguments."""
    out = c_void_p()
    try:
        if CANCEL in arguments:
            run_call(function, *arguments, byref(out), cancel=cancel)
        else:
            call(function, *arguments, byref(out))
    except BaseException:
        if out.value is not None:  # it was created, and then a signal came
            free(out)
        raise
    return Handle(out.value, free)

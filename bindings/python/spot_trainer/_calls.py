"""Calls that can take long, and how a signal, an exception, a `Cancel` or the end of the process ends them.

Python runs signal handlers on the main thread, and not while that is inside the library. So on the main thread such a
call is made on a thread of its own, and the main thread waits for it: a handler runs at once, whoever installed it,
and an exception that it raises (Ctrl-C: KeyboardInterrupt) stops the call. On every other thread, where no handler ever
runs, the call is made directly.

A handler can raise between any two instructions of the main thread: when a function begins, when a loop goes round, and
when a call returns. So what must not be left undone is done by the thread of the call, or, on the main thread, by the
first call in a `finally`, one that Python code has no part in. (Python 3.9 alone may break in there, too.)
"""

from __future__ import annotations

import _thread
import threading
from ctypes import byref, c_void_p
from queue import Empty, SimpleQueue
from typing import Any, Callable, Generator, List, Optional, Set

from ._enums import Answer, Status
from ._errors import SpotError
from ._library import Handle, call, failure, library
from ._records import Event

CANCEL = object()  #: stands among the arguments where the call's spot_cancel goes
Callback = Callable[[Event], Any]

GO_ON = int(Answer.CONTINUE)  #: a plain number: a look into an enumeration runs Python code
_NOBODY = 0  # among the threads that begin a call: it is not to be made any more


def created(
    free: Callable[[Any], None],
    function: Callable[..., int],
    *arguments: Any,
    cancel: Optional[Cancel] = None,
    keeps: Any = (),
) -> Handle:
    """The handle that a function gives through its last parameter but one; a call that can take long if CANCEL is
    among the arguments. `keeps` is what must be there until it is freed."""
    handle = Handle(free, *keeps)
    if CANCEL in arguments:
        run_call(function, *arguments, byref(handle), cancel=cancel)
    else:
        call(function, *arguments, byref(handle))
    return handle


def new_cancel() -> Handle:
    """A spot_cancel."""
    return created(library.spot_cancel_free, library.spot_cancel_create)


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
    """One call of a function that takes a spot_cancel."""

    def __init__(self, function: Callable[..., int], *arguments: Any, cancels: Any = ()) -> None:
        """Each of the Cancels stops it; None among them is never triggered."""
        self._function = function
        self._cancel = new_cancel()
        self._arguments = [self._cancel if each is CANCEL else each for each in arguments]
        self._cancels: List[Cancel] = [each for each in cancels if each is not None]
        self._error = c_void_p()
        #: What the call answered; None before its end.
        self.status: Optional[int] = None
        #: Is told of events, see events().
        self.callback: Optional[Callback] = None
        #: Called now and then while the call is waited for.
        self.ticker: Optional[Callable[[], None]] = None

        self._is_direct = False  # made on the thread that asked for it
        self._exception: Optional[BaseException] = None  # what was raised on the thread of the call
        self._told: SimpleQueue[Optional[Event]] = SimpleQueue()  # by the thread of the call; None: it is over
        self._answers: SimpleQueue[int] = SimpleQueue()  # one to each event, and one when whoever waits has left
        self._is_left = False  # nobody waits for the call any more
        self._is_over = False
        self._beginners: List[int] = []  # the first of these threads makes the call

    def run(self, direct: bool = False) -> None:
        """Makes the call and returns after its end. Raises what stopped it, or else how it failed."""
        on_main_thread = threading.current_thread() is threading.main_thread()
        if direct or not (on_main_thread or self.ticker):
            self._make_directly()
            self._raise(self._exception)
        else:
            for _ in self.events(self.callback):
                pass

    def events(self, callback: Optional[Callback] = None) -> Generator[Event, None, None]:
        """Makes the call on a thread of its own and gives its events, to `callback` if there is one; it goes on when
        the next one is asked for."""
        stop: Optional[BaseException] = None
        try:
            try:
                try:
                    self._start()
                    for event in iter(self._next, None):
                        answer = None
                        if callback is None:
                            yield event
                        else:
                            answer = callback(event)
                        self._answers.put(int(answer or GO_ON))
                finally:
                    library.spot_cancel_trigger(self._cancel)
            finally:  # not before: the answer lets the call go on
                self._is_left = True
                self._answers.put(GO_ON)
        except BaseException as exception:
            stop = exception
            try:
                self._wait_for_the_end()
            except BaseException:  # outside of its own `try`
                self._wait_for_the_end()
        self._raise(stop)

    def _start(self) -> None:
        try:
            # Nobody joins it (but see _trainer_call.py). Starting it is one step, unlike with a threading.Thread.
            _thread.start_new_thread(self._make, ())
        except RuntimeError:  # so late in the life of the process that no thread can be started
            self._make_directly()

    def _next(self) -> Optional[Event]:
        """Waits for an event; None: the call is over."""
        while True:
            if self.ticker is not None:
                self.ticker()
            try:
                # Not for ever: a signal that comes just before the wait begins shows only at its end.
                return self._told.get(timeout=1 if self.ticker is None else 0.1)
            except Empty:
                pass

    def _wait_for_the_end(self) -> None:
        """An exception is on its way; others that signal handlers raise now would change nothing, so they are dropped."""
        while not self._is_over:
            try:
                self._beginners.append(_NOBODY)
                if self._beginners[0] == _NOBODY:
                    return
                self._told.get(timeout=1)
            except BaseException:
                pass

    def tell(self, event: Event) -> int:
        """Called on the thread of the call: what to answer to an event."""
        if self._is_left or self._exception is not None:
            return GO_ON
        if self._is_direct:
            return self._tell_directly(event)
        self._told.put(event)
        return self._answers.get()

    def _tell_directly(self, event: Event) -> int:
        try:
            return int((self.callback and self.callback(event)) or GO_ON)
        except BaseException as exception:
            self._exception = exception
            library.spot_cancel_trigger(self._cancel)
            return GO_ON

    def _make_directly(self) -> None:
        self._is_direct = True
        self._make()

    def _make(self) -> None:
        """Makes the call, on this thread, if no other one does and somebody waits for it."""
        this_thread = threading.get_ident()
        self._beginners.append(this_thread)
        if self._beginners[0] != this_thread:
            return
        try:
            for cancel in self._cancels:
                cancel._attach(self._cancel)
            try:
                if not self._is_left:
                    self._enter()
            finally:
                for cancel in self._cancels:
                    cancel._detach(self._cancel)
        except BaseException as exception:
            self._exception = exception
        finally:
            self._is_over = True
            self._arguments = []  # this thread outlives its last word by moments, and their handles are to be freed
            self._told.put(None)

    def _enter(self) -> None:
        self.status = self._function(*self._arguments, byref(self._error))

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


def run_call(function: Callable[..., int], *arguments: Any, cancel: Optional[Cancel] = None) -> None:
    """Makes a call that can take long. CANCEL among the arguments stands for its spot_cancel."""
    Call(function, *arguments, cancels=[cancel]).run()

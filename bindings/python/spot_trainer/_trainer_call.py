"""Calls of a trainer: one at a time, told of events, and ended with the process.

The library calls Python on the thread of such a call. It must not when the interpreter is going or gone, so a process
that ends stops these calls first, wherever they are in progress, and waits for them: runs save their state.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import threading
import time
from queue import Empty
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional

from . import _abi, _log  # the log's last words, at exit, come after those of the calls
from ._calls import GO_ON, Call, Callback, Cancel
from ._errors import BusyError
from ._library import call, library
from ._records import Event, record

if TYPE_CHECKING:
    from .trainer import Trainer

assert _log  # imported for the order of what is done at exit
_CALLBACKS_MAY_TAKE = 10.0  # seconds, at the end of the process

# By the number that the library calls _on_event with.
_in_progress: Dict[int, TrainerCall] = {}
_numbers = itertools.count(1)
_process_ends = False


def _tell(number: int, event: Any) -> int:
    told = _in_progress.get(number)
    return GO_ON if told is None else told.tell(record(Event, event.contents))


_on_event = _abi.EventFunction(_tell)
# Never freed: a thread that was in a callback when the process ended has the library's way back through it on its stack.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_on_event))


class TrainerCall(Call):
    """One call of a function of a trainer."""

    def __init__(
        self,
        trainer: Trainer,
        function: Callable[..., int],
        *arguments: Any,
        cancel: Optional[Cancel],
        read: Optional[Callable[[], Any]] = None,
    ) -> None:
        """`read` makes the `result` of what a call that succeeded has written, whose texts live until the next one."""
        super().__init__(function, trainer._use, *arguments, cancels=[cancel])
        self._read = read
        self.result: Any = None
        #: These kinds of events are for the callback, on the thread that waits for the call, which is held up meanwhile.
        self.callback, self.callback_kinds = trainer._callback, trainer._kinds
        #: Is told of events of these kinds, on whatever thread they come; must be quick.
        self.observer: Optional[Callback] = None
        self.observer_kinds = 0
        self._trainer = trainer
        self._is_of_the_main_thread = threading.current_thread() is threading.main_thread()
        self._is_in_callback = False
        self._way_back = threading.Lock()  # from a callback into the library; kept when the process does not wait

    def _enter(self) -> None:
        """Nobody else may make a call of this trainer meanwhile."""
        callers, number = self._trainer._callers, next(_numbers)
        try:
            callers[self] = None
            if list(callers)[0] is not self:
                raise BusyError("the trainer is in use by another call, or by the loop that reads its events()")
            _in_progress[number] = self
            if _process_ends and not self._is_of_the_main_thread:
                raise SystemExit  # which ends a thread without a word
            kinds = self.callback_kinds | self.observer_kinds
            function = _on_event if kinds else _abi.NO_EVENT_FUNCTION
            handle = self._arguments[0]
            call(library.spot_trainer_set_callback, handle, kinds, function, number, _abi.NO_DESTROY_FUNCTION)
            self._perform()
        finally:
            try:
                _in_progress.pop(number, None)
            finally:
                callers.pop(self, None)

    def _perform(self) -> None:
        super()._enter()
        if self.status == 0 and self._read is not None:
            self.result = self._read()

    def tell(self, event: Event) -> int:
        if self.observer is not None and event.kind & self.observer_kinds:
            self.observer(event)
        return super().tell(event) if event.kind & self.callback_kinds else GO_ON

    def _tell_directly(self, event: Event) -> int:
        self._is_in_callback = True
        answer = super()._tell_directly(event)
        with self._way_back:
            self._is_in_callback = False
        return answer

    def end(self) -> None:
        """Ends it with the process: nobody is told of events any more."""
        if not self._is_of_the_main_thread:
            self._exception = SystemExit()
        library.spot_cancel_trigger(self._cancel)
        self._is_left = True
        self._answers.put(GO_ON)

    def wait_for_the_end(self, callback_until: float) -> None:
        """A callback that has not come back by then must not do so any more."""
        while not self._is_over:
            if self._is_in_callback and time.monotonic() > callback_until:
                self._way_back.acquire()
                if self._is_in_callback:
                    return
                self._way_back.release()
            try:
                self._told.get(timeout=0.1)
            except Empty:
                pass
        self._told.put(None)  # for whoever waits for it, too

    def forget(self) -> None:
        """Its thread is none of this process."""
        self._is_over = True
        self._trainer._callers.clear()


class RunCall(TrainerCall):
    """A call of spot_trainer_run()."""

    def _perform(self) -> None:
        self._trainer._last_result = None
        super()._perform()
        self._trainer._last_result = self.result


@atexit.register
def _end_all() -> None:
    global _process_ends
    _process_ends = True
    ending = list(_in_progress.values())
    for each in ending:
        each.end()
    callback_until = time.monotonic() + _CALLBACKS_MAY_TAKE
    for each in ending:
        each.wait_for_the_end(callback_until)


def _forget_all() -> None:
    """In a child made by fork()."""
    for each in _in_progress.values():
        each.forget()
    _in_progress.clear()


os.register_at_fork(after_in_child=_forget_all)

"""Interruption notices."""

from __future__ import annotations

import math
from ctypes import byref, c_uint64
from typing import Iterator, Optional

from . import _abi
from ._calls import CANCEL, Call, Cancel, created
from ._errors import CancelledError, InvalidArgumentError, TimeoutError
from ._library import Owner, c_text, call, filled, library, sized
from ._log import milliseconds
from ._records import Notice, PollerHealth, record
from .config import Config


class Poller(Owner):
    """Watches for interruption notices on a thread of the library, from the sources that the keys metadata,
    metadata_endpoint, metadata_v1, gcp_notice_seconds and poll_seconds name. Usable without a trainer, and by any
    number of threads and runs at once: a notice is state, and each of them sees every one.
    """

    def __init__(self, config: Config) -> None:
        """Starts watching. ConfigError: a source or endpoint that cannot be."""
        self._closing = Cancel()
        self._handle = created(
            library.spot_poller_free, library.spot_poller_create, config._use, keeps=config._use.keeps
        )

    def wait(self, timeout: Optional[float] = None, cancel: Optional[Cancel] = None) -> Notice:
        """The first notice or withdrawal that the poller knows; waits for it, for at most `timeout` seconds.
        TimeoutError: none came; CancelledError: `cancel` was triggered, or the poller closed."""
        return self._next(None, timeout, cancel)

    def notices(self, timeout: Optional[float] = None, cancel: Optional[Cancel] = None) -> Iterator[Notice]:
        """Every notice and withdrawal, from the first one on, as they come. Ends when none came for `timeout` seconds
        (0: gives those that are known), when `cancel` is triggered, or when the poller is closed."""
        position = c_uint64(0)
        while not self.closed:
            try:
                notice = self._next(position, timeout, cancel)
            except (TimeoutError, CancelledError):
                return
            except InvalidArgumentError:
                if self.closed:  # meanwhile
                    return
                raise
            yield notice

    def _next(self, position: Optional[c_uint64], timeout: Optional[float], cancel: Optional[Cancel]) -> Notice:
        struct = sized(_abi.NoticeStruct)
        Call(
            library.spot_poller_wait,
            self._use,
            None if position is None else byref(position),
            milliseconds(timeout),
            CANCEL,
            byref(struct),
            cancels=[self._closing, cancel],
        ).run()
        return record(Notice, struct)

    def notify(
        self,
        action: int,
        source: Optional[str] = None,
        detail: Optional[str] = None,
        seconds_left: float = math.nan,
    ) -> int:
        """Files a notice of the host's own (an Action), and returns its id; each call is an event of its own. `source`
        (None: "host") and `detail` say where it comes from and why; `seconds_left` is the time until the end, NaN
        where that is not known. A signal handler written in Python may call it."""
        number = c_uint64()
        call(
            library.spot_poller_notify,
            self._use,
            action,
            None if source is None else c_text("source", source),
            None if detail is None else c_text("detail", detail),
            seconds_left,
            byref(number),
        )
        return number.value

    def withdraw(self, id: int) -> None:
        """Tells that a notice is over: a run that has not stopped for it goes on. NotFoundError: there is none of that
        id, or it is over already."""
        call(library.spot_poller_withdraw, self._use, id)

    def health(self) -> PollerHealth:
        """How its questions are answered."""
        return record(PollerHealth, filled(_abi.PollerHealthStruct, library.spot_poller_get_health, self._use))

    def close(self) -> None:
        """Stops watching; a run that uses the poller goes on with it to its end, waits in progress end."""
        super().close()
        self._closing.trigger()

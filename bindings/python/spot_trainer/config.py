"""Configurations: values for the library's keys."""

from __future__ import annotations

import json
import logging
import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Union

from . import _abi
from ._calls import created
from ._enums import LogLevel
from ._library import Handle, Owner, c_text, call, library, take_text
from ._log import LogQueue, Receiver, forwarder_to

Value = Union[bool, int, float, str, "os.PathLike[str]"]


def describe() -> List[Dict[str, Any]]:
    """What keys there are: for each {"name", "type": "boolean|integer|number|text", "default", "minimum", "maximum",
    "choices", "resume": "free|exact", "help", "synonyms"}. A key that is "exact" cannot differ from the checkpoint's
    on resume unless allow_config_change is true."""
    keys: List[Dict[str, Any]] = json.loads(library.spot_config_describe())
    return keys


_TYPES: Dict[str, str] = {key["name"]: key["type"] for key in describe()}


class Config(Owner):
    """Values for the keys that `describe()` lists; those that are not set have their default. A dict in all but
    name:

        config = Config(volume="/mnt/data", dataset="mnist", epochs=3)
        config["learning_rate"] = 0.05
        config["learning_rate"], dict(config), "epochs" in config
        del config["learning_rate"]     # has its default again

    Whatever is created from a configuration copies it. Any number of threads may use one. The library's messages
    about all of that go to `logging.getLogger("spot_trainer")`, unless `set_log()` says otherwise.
    """

    def __init__(self, values: Optional[Mapping[str, Any]] = None, /, **more: Value) -> None:
        """With the keys of `values` and `more` set. ConfigError: no such key, or a value out of bounds."""
        self._handle = created(library.spot_config_free, library.spot_config_create)
        logger = logging.getLogger("spot_trainer")
        self.set_log(logger, LogLevel.DEBUG if logger.isEnabledFor(logging.DEBUG) else LogLevel.INFO)
        self.update(values, **more)

    @classmethod
    def _of(cls, handle: Handle) -> Config:
        config = cls.__new__(cls)
        config._handle = handle
        return config

    def copy(self) -> Config:
        """Another one with the same values and the same log."""
        keeps = self._use.keeps
        return self._of(created(library.spot_config_free, library.spot_config_clone, self._use, keeps=keeps))

    __copy__ = copy

    def update(self, values: Optional[Mapping[str, Any]] = None, /, **more: Value) -> None:
        """Sets several keys."""
        for key, value in {**(values or {}), **more}.items():
            self[key] = value

    def __setitem__(self, key: str, value: Value) -> None:
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, (str, os.PathLike)):
            text = os.fspath(value)
        elif hasattr(value, "__index__"):
            text = str(value.__index__())
        else:  # a float of whatever kind, NumPy's say
            text = repr(float(value))
        call(library.spot_config_set_str, self._use, c_text("the key", key), c_text(key, text))

    def __getitem__(self, key: str) -> Any:
        """The value: bool, int, float or str, as the key's type is; of a number also a word that it may be instead."""
        text = take_text(library.spot_config_get_str, self._use, c_text("the key", key))
        kind = _TYPES.get(key, "text")
        if kind == "boolean":
            return text == "true"
        if text == "" or kind == "text":
            return text
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            return text

    def __delitem__(self, key: str) -> None:
        call(library.spot_config_unset, self._use, c_text("the key", key))

    def __contains__(self, key: object) -> bool:
        return key in _TYPES

    def __iter__(self) -> Iterator[str]:
        return iter(_TYPES)

    def __len__(self) -> int:
        return len(_TYPES)

    def keys(self) -> List[str]:
        """All keys, set or not."""
        return list(_TYPES)

    def __repr__(self) -> str:
        if self.closed:
            return "Config(closed)"
        defaults = {key["name"]: key["default"] for key in describe()}
        changed = {
            key: self[key]
            for key in _TYPES
            if take_text(library.spot_config_get_str, self._use, c_text("the key", key)) != (defaults[key] or "")
        }
        return f"Config({changed})"

    def set_log(self, receiver: Optional[Receiver], level: int = LogLevel.INFO) -> None:
        """Where whatever is created from this configuration reports messages of `level` (a LogLevel) and graver ones:
        a `logging.Logger`, a function of (level, message), or None, which means nowhere. It is called on a thread of
        its own, within moments of the message, and the last time when the interpreter ends. That thread ends when the
        receiver is replaced here, and nothing is left that was created before."""
        if receiver is None:
            call(
                library.spot_config_set_log,
                self._use,
                level,
                _abi.NO_MESSAGE_FUNCTION,
                None,
                _abi.NO_DESTROY_FUNCTION,
            )
            self._use.keeps = ()
        else:
            forwarder = forwarder_to(receiver, level)
            call(library.spot_config_set_log_queue, self._use, forwarder.queue)
            self._use.keeps = (forwarder,)

    def set_log_queue(self, queue: LogQueue) -> None:
        """The same into a queue, from which whoever likes fetches them."""
        call(library.spot_config_set_log_queue, self._use, queue._use)
        self._use.keeps = ()

"""The header's constants. They are integers, and a number that a newer library brings stays a plain integer."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Status(IntEnum):
    """SPOT_OK and SPOT_E_...: what a call answers with, see `SpotError.code`."""

    OK = 0
    INVALID_ARGUMENT = 1
    CONFIG = 2
    DATA = 3
    MODEL = 4
    IO = 5
    NO_SPACE = 6
    CORRUPT = 7
    NOT_FOUND = 8
    MISMATCH = 9
    NETWORK = 10
    BUSY = 11
    ORDER = 12
    CANCELLED = 13
    CALLBACK = 14
    FORKED = 15
    FENCED = 16
    TIMEOUT = 17
    UNSUPPORTED = 18
    NO_MEMORY = 19
    INTERNAL = 20
    DIVERGED = 21


class LogLevel(IntEnum):
    """SPOT_LOG_...: how grave a message is."""

    ERROR = 0
    WARNING = 1
    INFO = 2
    DEBUG = 3


class Action(IntEnum):
    """SPOT_ACTION_...: what will be done to the machine."""

    TERMINATE = 1
    STOP = 2
    HIBERNATE = 3
    REBALANCE = 4
    REQUEST = 5


class EventKind(IntFlag):
    """SPOT_EVENT_...: what a callback can be told of; flags, to be combined with |."""

    RUN_BEGIN = 1
    RUN_END = 2
    EPOCH_BEGIN = 4
    EPOCH_END = 8
    STEP = 16
    EVALUATION = 32
    CHECKPOINT = 64
    NOTICE = 128
    ALL = 255


class SaveReason(IntEnum):
    """SPOT_SAVE_...: why a checkpoint was saved."""

    INTERVAL = 1
    EPOCH = 2
    NOTICE = 3
    REQUEST = 4
    FINAL = 5


class RunReason(IntEnum):
    """SPOT_RUN_...: why a run ended."""

    DONE = 1
    INTERRUPTED = 2
    CANCELLED = 3
    STOPPED = 4
    FAILED = 5


class Answer(IntEnum):
    """What a callback may return; None is CONTINUE."""

    CONTINUE = 0
    STOP = 1
    FAIL = -1


class Split(IntEnum):
    """SPOT_SPLIT_...: parts of a dataset."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


class Role(IntEnum):
    """SPOT_ROLE_...: what a tensor is."""

    PARAMETER = 0
    ACCUMULATOR = 1
    STATISTIC = 2


class ElementType(IntEnum):
    """Types of the elements of arrays."""

    UINT8 = 1
    INT32 = 2
    INT64 = 3
    FLOAT32 = 4

#!/usr/bin/env python3
"""Trains on a volume until it is done or the machine is taken away. Start it again with the same words to go on.

    agent.py VOLUME [KEY=VALUE ...]

Progress goes to stderr, one line of JSON to stdout. Exit code: 0 done, 75 stopped with a durable checkpoint, 76 without
one, 1 it failed.
"""

import json
import os
import signal
import sys
from types import FrameType
from typing import List, Optional, TextIO

import spot_trainer as spot


def ignore_signals() -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def stop(number: int, frame: Optional[FrameType]) -> None:
    """SIGTERM ends the run as Ctrl-C does; once is enough."""
    ignore_signals()
    raise KeyboardInterrupt


def write(line: str, stream: Optional[TextIO]) -> None:
    """A stream that is closed, or a reader that goes away, ends no run."""
    if stream is None:
        return
    try:
        print(line, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for what is still in its buffer


def tell(line: str) -> None:
    write(line, sys.stderr)


def show(event: spot.Event) -> None:
    if event.kind == spot.EventKind.STEP:
        if event.step % 10 == 0:
            tell(f"step {event.step} loss {event.loss:.4f}")
    elif event.kind == spot.EventKind.NOTICE:
        tell(f"notice from {event.source}: {event.detail}")


def train(volume: str, settings: List[str]) -> Optional[spot.RunResult]:
    config = spot.Config(volume=volume)
    for setting in settings:
        key, is_pair, value = setting.partition("=")
        if not is_pair:
            raise spot.ConfigError(f"'{setting}' is not KEY=VALUE")
        config[key] = value
    with spot.Poller(config) as poller, spot.Trainer(config) as trainer:
        trainer.set_callback(show, spot.EventKind.STEP | spot.EventKind.NOTICE)
        try:
            return trainer.run(poller)
        except KeyboardInterrupt as stopped:
            if trainer.last_result is None and stopped.__cause__ is not None:
                raise stopped.__cause__  # the run failed while it was to stop
            return trainer.last_result
        finally:
            ignore_signals()  # what is left is to say how it ended


def main(arguments: List[str]) -> int:
    if not arguments:
        tell("usage: agent.py VOLUME [KEY=VALUE ...]")
        return 1
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    try:
        result = train(arguments[0], arguments[1:])
    except spot.SpotError as error:
        tell(f"agent.py: {error}")
        return 1
    except KeyboardInterrupt:  # before there was a run
        result = None
    if result is None:
        write(json.dumps({"reason": "cancelled", "step": 0, "durable": True, "state_hash": ""}), sys.stdout)
        return 75
    answer = {
        "reason": result.reason.name.lower(),
        "step": result.step,
        "durable": result.durable,
        "state_hash": result.state_hash,
    }
    write(json.dumps(answer), sys.stdout)
    if result.reason == spot.RunReason.DONE:
        return 0
    return 75 if result.durable else 76


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""A 60-step run interrupted by a notice at every single step, through the C ABI in one process a volume: the
state afterwards is that of the uninterrupted run, each time.

    every_step.py LIBSPOT_TRAINER.SO
"""
import ctypes
import pathlib
import sys
import tempfile

STEPS = 60
library = ctypes.CDLL(sys.argv[1])
library.spot_error_message.restype = ctypes.c_char_p
EVENT = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


def call(name, *arguments):
    error = ctypes.c_void_p()
    if getattr(library, name)(*arguments, ctypes.byref(error)) != 0:
        sys.exit(f"{name}: {library.spot_error_message(error).decode()}")


class RunResult(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("reason", ctypes.c_int32), ("resumed", ctypes.c_int32),
                ("durable", ctypes.c_int32), ("save_status", ctypes.c_int32), ("reserved", ctypes.c_int32),
                ("step", ctypes.c_uint64), ("epoch", ctypes.c_uint64), ("numbers", ctypes.c_double * 5),
                ("save_message", ctypes.c_char_p), ("model_path", ctypes.c_char_p),
                ("state_hash", ctypes.c_char * 33), ("padding", ctypes.c_char * 7)]


def run(volume, stop_at=None):
    """One run() on the volume; asks for an interruption after step `stop_at`."""
    config, trainer, poller = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    call("spot_config_create", ctypes.byref(config))
    for key, value in {"volume": volume, "dataset": "synthetic", "model": "lenet-5", "optimizer": "adam",
                       "steps": STEPS, "metadata": "none", "checkpoint_seconds": 0}.items():
        call("spot_config_set_str", config, key.encode(), str(value).encode())
    call("spot_trainer_create", config, None, None, ctypes.byref(trainer))
    call("spot_poller_create", config, ctypes.byref(poller))

    def on_step(_, event):
        step = ctypes.c_uint64.from_address(event + 8).value
        if step == stop_at:
            call("spot_poller_notify", poller, 5, None, b"test", ctypes.c_double(30), None)
        return 0

    callback = EVENT(on_step)
    call("spot_trainer_set_callback", trainer, ctypes.c_uint32(16), callback, None, None)
    result = RunResult(struct_size=ctypes.sizeof(RunResult))
    call("spot_trainer_run", trainer, poller, None, ctypes.byref(result))
    library.spot_trainer_free(trainer)
    library.spot_poller_free(poller)
    library.spot_config_free(config)
    return result


with tempfile.TemporaryDirectory() as folder:
    whole = pathlib.Path(folder, "whole")
    whole.mkdir()
    expected = run(whole).state_hash
    volume = pathlib.Path(folder, "volume")
    volume.mkdir()
    # The run is interrupted after step 1, resumed, interrupted after step 2, … on one volume.
    for step in range(1, STEPS):
        result = run(volume, step)
        if (result.reason, result.step, result.durable) != (2, step, 1):
            sys.exit(f"FAILED: notice at step {step}: reason {result.reason}, step {result.step}")
    last = run(volume)
    if last.state_hash != expected:
        sys.exit(f"FAILED: {last.state_hash.decode()} after {STEPS - 1} interruptions, not {expected.decode()}")
    print(f"{STEPS - 1} interruptions, one at every step: {expected.decode()} each way")

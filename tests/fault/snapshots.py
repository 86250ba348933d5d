#!/usr/bin/env python3
"""A process that snapshots a folder, or puts one back, is killed at its system calls, one after the other: what was
acknowledged is there, and nobody ever finds half of anything. Then the same on a disk that is full. SPOT_SNAPSHOT_STRIDE=1:
at each call; by default at every 16th, from a random one on.

    snapshots.py LIBSPOT_TRAINER.SO FAULT_INJECT
    snapshots.py LIBSPOT_TRAINER.SO save|restore VOLUME FOLDER      what is killed
"""
import ctypes
import os
import pathlib
import random
import signal
import subprocess
import sys

import harness

FILES = ("model.bin", "step/optimizer.bin", "step/scheduler/state", "notes")
library = ctypes.CDLL(sys.argv[1])
library.spot_error_message.restype = ctypes.c_char_p


class Report(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("outcome", ctypes.c_int32), ("generation", ctypes.c_uint64),
                ("counts", ctypes.c_uint64 * 3), ("times", ctypes.c_double * 2), ("texts", ctypes.c_char_p * 2)]


def call(name, *arguments):
    error = ctypes.c_void_p()
    status = getattr(library, name)(*arguments, ctypes.byref(error))
    if status != 0:
        sys.exit(f"error {status} {name}: {library.spot_error_message(error).decode()}")


def child(action, volume, folder):
    config, snapshots = ctypes.c_void_p(), ctypes.c_void_p()
    call("spot_config_create", ctypes.byref(config))
    call("spot_config_set_str", config, b"volume", volume.encode())
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.raise_signal(signal.SIGUSR1)  # the injector counts from here
    call("spot_snapshots_open", config, folder.encode(), b"out", None, ctypes.byref(snapshots))
    report = Report(struct_size=ctypes.sizeof(Report))
    if action == "save":
        call("spot_snapshots_copy", snapshots, None, None)
        call("spot_snapshots_commit", snapshots, None, ctypes.byref(report))
    else:
        call("spot_snapshots_restore", snapshots, 0, None, ctypes.byref(report))
    print("acknowledged", report.generation, flush=True)
    library.spot_snapshots_free(snapshots)
    library.spot_config_free(config)


def run(action, volume, folder, *injector):
    return subprocess.run([*injector, sys.executable, __file__, sys.argv[1], action, volume, folder],
                          capture_output=True, text=True, timeout=120, check=False)


def write(folder, version):
    """One version of everything: a mixture of two is told by its content."""
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{version} " * (30000 if name == FILES[0] else 10))


def version_of(folder):
    """Which version the folder holds; 0: it is empty. Anything else is a mixture."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != ".spot-snapshot"]
    if not found:
        return 0
    words = {word for path in found for word in path.read_text().split()}
    names = {str(path.relative_to(folder)) for path in found}
    if len(words) != 1 or names != set(FILES):
        sys.exit(f"FAILED: half of something in {folder}: {sorted(names)} of versions {words}")
    return int(words.pop())


def killed_at_each_call(scratch, injector, action):
    volume = scratch / f"volume-{action}"
    volume.mkdir()
    folder = scratch / f"folder-{action}"
    stride = int(os.environ.get("SPOT_SNAPSHOT_STRIDE", 16))
    acknowledged, kills, call_number = 0, 0, random.randrange(stride)
    print(f"{action}: killed at every {stride}th call from {call_number} on", flush=True)
    while True:
        if action == "save":
            write(folder, call_number + 1)
            done = run("save", volume, folder, injector, "--call", str(call_number), "--action", "kill")
        else:
            if kills == 0:
                write(folder, 1)
                assert run("save", volume, folder).returncode == 0
                acknowledged = 1
            target = scratch / "target"
            done = run("restore", volume, target, injector, "--call", str(call_number), "--action", "kill")
        if "ptrace is not to be had" in done.stderr:
            sys.exit(77)
        if done.stdout.startswith("acknowledged"):
            acknowledged = call_number + 1 if action == "save" else 1
        # The next machine, and for a restore the same one: whole, and no older than what was acknowledged.
        elsewhere = scratch / f"elsewhere-{action}-{call_number}" if action == "save" else target
        after = run("restore", volume, elsewhere)
        if after.returncode != 0:
            sys.exit(f"FAILED: after a kill at call {call_number} of {action}: {after.stderr}")
        found = version_of(elsewhere)
        allowed = {acknowledged, call_number + 1} if action == "save" else {1}
        if found not in allowed:
            sys.exit(f"FAILED: after a kill at call {call_number} of {action}: version {found}, not {allowed}")
        acknowledged = max(acknowledged, found)
        subprocess.run(["rm", "-rf", elsewhere], check=True)
        if "injected" not in done.stderr:
            if done.returncode != 0:
                sys.exit(f"FAILED: {action} that was not killed: {done.returncode} {done.stderr}")
            return kills
        kills += 1
        call_number += stride


def full_disk(scratch):
    """What was acknowledged stays, and there is room again once something was removed."""
    volume = scratch / "small"
    volume.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", volume], check=False).returncode != 0:
        return
    try:
        folder = scratch / "full"
        folder.mkdir()
        last = 0
        for version in range(1, 9):
            # Each a third of the disk: the third one finds it full unless the first one goes.
            (folder / "model").write_bytes(bytes([64 + version]) * 600_000)
            done = run("save", volume, folder)
            last = version if done.returncode == 0 else last
            elsewhere = scratch / f"full-{version}"
            assert run("restore", volume, elsewhere).returncode == 0
            content = (elsewhere / "model").read_bytes()
            if content != bytes([64 + last]) * 600_000:
                sys.exit(f"FAILED: on a full disk version {last} was lost: {content[:3]!r} after {done.stderr}")
        (folder / "model").write_bytes(bytes(range(256)) * 10_000)
        done = run("save", volume, folder)
        if "error 6 " not in done.stderr:
            sys.exit(f"FAILED: a snapshot that cannot fit: {done.returncode} {done.stderr}")
    finally:
        subprocess.run(["umount", volume], check=False)


def main():
    if len(sys.argv) > 3:
        return child(*sys.argv[2:])
    with harness.scratch() as scratch:
        for action in ("save", "restore"):
            kills = killed_at_each_call(scratch, sys.argv[2], action)
            if kills < 5:
                sys.exit(f"FAILED: only {kills} kills of {action}: what is tested?")
            print(f"{kills} kills in {action}", flush=True)
        full_disk(scratch)


main()

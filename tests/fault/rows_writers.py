"""Row 19: two writers, one volume."""
import os
import shutil
import signal
import subprocess
import time

import harness

FENCED, TIMED_OUT = 77, 69
FORCE = ("takeover=true",)


class Frozen:
    """A writer that stands still at one system call of its saves, every thread of it."""

    def __init__(self, bench, volume, steps, injector, call, mark="save"):
        self.process = bench.start(volume, steps, "--mark", mark, injector=injector(call, "freeze"))
        self.where = None
        line = self.process.stderr.readline()
        if "ptrace is not to be had" in line:
            raise harness.Skip("ptrace is not permitted here")
        if line.startswith("frozen "):
            self.where = line.split()[1]

    def thaw(self):
        text, errors = self.process.communicate("\n", timeout=harness.PATIENCE)
        return harness.Told(text, self.process.returncode, errors)


def started(bench, context, name, steps=4):
    volume = bench.volume(name)
    told = bench.run(volume, steps)
    context.check(told.code == 0, f"the volume is good: {told}")
    return volume


def check_fenced(context, bench, volume, old, new, before, what):
    """`old` was thawed after `new` had taken over and ended; `before` is the volume as `new` left it."""
    context.check(harness.contents(volume) == before,
                  f"{what}: the fenced writer changed {differences(before, harness.contents(volume))}: {old}")
    # One that stood still behind its last save had nothing left to be refused.
    done = old.last("end") is not None
    context.check(old.code == (0 if done else FENCED), f"{what}: it stops with {FENCED}: {old}")
    for step, _, _ in old.all("acknowledged"):
        context.check(int(step) <= new.at[0], f"{what}: step {step} is acknowledged, the new writer began at {new.at}")
    floor = new.acknowledged[0]
    bench.check_resume(bench.run(volume, 0), floor, what)
    bench.check_whole(volume, what, floor)


def differences(before, after):
    return sorted(set(before.items()) ^ set(after.items()))[:4]


def frozen_at_each_call(context, bench, injector, mark):
    """At each call from `mark` on: the opening of the volume ("restore") or the first save ("save")."""
    call = 0
    while True:
        volume = started(bench, context, f"{mark}-{call}")
        old = Frozen(bench, volume, 9, injector, call, mark)
        if old.where is None or (mark == "restore" and call > 120):
            harness.kill(old.process)
            old.process.communicate()
            return
        # One that stood still while it claimed an epoch meets several that came and went meanwhile.
        takers = context.random.randint(1, 3) if mark == "restore" else 1
        what = f"frozen at call {call}, {old.where}, after {mark}, overtaken {takers} times"
        floor = 4
        for _ in range(takers):
            new = bench.run(volume, floor + 10, settings=FORCE)
            if not (new.code == 0 and new.acknowledged):
                harness.kill(old.process)
            context.check(new.code == 0 and new.acknowledged, f"{what}: another one takes over: {new}")
            bench.check_resume(new, floor, what)
            floor += 10
        before = harness.contents(volume)
        told = old.thaw()
        if mark == "restore" and told.at and told.at[0] >= floor:
            # It had not been the writer yet, and became it when the others had gone.
            context.check(told.code == 0, f"{what}: {told}")
            bench.check_resume(told, floor, what)
        else:
            check_fenced(context, bench, volume, told, new, before, what)
        context.count("writers frozen at a system call, overtaken and thawed")
        shutil.rmtree(volume)
        call += context.random.randint(1, context.amount(5, 1))


def take_over_killed_at_each_call(context, bench, injector):
    """The one that takes over dies on the way; a third one comes; then the first one wakes up."""
    call = 0
    while True:
        volume = started(bench, context, f"half-{call}")
        old = Frozen(bench, volume, 9, injector, context.random.randint(0, 60))
        what = f"a take-over killed at call {call}, the old writer frozen at {old.where}"
        dead = bench.run(volume, 12, "--mark", "restore", injector=injector(call), settings=FORCE)
        dead_acknowledged = dead.acknowledged[0] if dead.acknowledged else 4
        if context.random.random() < 0.5 and old.where:
            # It wakes up before the third one: whatever it still acknowledges must stay.
            told = old.thaw()
            context.check(told.code in (0, FENCED), f"{what}: {told}")
            floor = max(dead_acknowledged, told.acknowledged[0] if told.acknowledged else 0)
            bench.check_resume(bench.run(volume, 0, settings=FORCE), floor, what)
        else:
            new = bench.run(volume, 20, settings=FORCE)
            context.check(new.code == 0 and new.acknowledged, f"{what}: a third one takes over: {new}")
            bench.check_resume(new, dead_acknowledged, what)
            before = harness.contents(volume)
            check_fenced(context, bench, volume, old.thaw(), new, before, what)
        shutil.rmtree(volume)
        if harness.Injector.hit(dead) is None:
            return
        context.count("take-overs killed at a system call")
        call += context.random.randint(1, context.amount(9, 1))


def control(context, bench, injector):
    volume = started(bench, context, "control")
    old = Frozen(bench, volume, 9, injector, 10)
    before = harness.contents(volume)
    told = old.thaw()
    context.control("a thawed writer that nobody fenced changes the volume",
                    told.code == 0 and harness.contents(volume) != before)


def holder(bench, volume, steps):
    """A writer that has saved and holds the volume until a line arrives."""
    process = bench.start(volume, steps, "--hold")
    text = ""
    while "end " not in text:
        line = process.stdout.readline()
        if not line:
            raise harness.Failure(f"the holder ended: {text}")
        text += line
    return process


def second_waits(context, bench):
    for way in ("leaves", "is killed"):
        volume = bench.volume(f"waits-{way[:2]}")
        first = holder(bench, volume, 3)
        second = bench.start(volume, 6, settings=("lease_wait_seconds=30",))
        time.sleep(0.4)
        context.check(second.poll() is None, f"the second writer waits while the first lives ({way})")
        before = time.monotonic()
        if way == "leaves":
            first.communicate("\n")
        else:
            harness.kill(first)
            first.communicate()
        text, errors = second.communicate(timeout=harness.PATIENCE)
        told = harness.Told(text, second.returncode, errors)
        context.check(told.code == 0 and told.at[0] == 3, f"it goes on where the first one {way}: {told}")
        context.check(time.monotonic() - before < 3, f"it goes on soon after the first one {way}")
        bench.check_whole(volume, "second writer", 6)
        context.count("second writers that waited")


def settled(volume):
    """The volume's contents when its writer has also made a file ready for its next save."""
    before, now = None, harness.contents(volume)
    while now != before:
        time.sleep(0.3)
        before, now = now, harness.contents(volume)
    return now


def second_gives_up(context, bench):
    volume = bench.volume("gives-up")
    first = holder(bench, volume, 3)
    before = settled(volume)
    for seconds in ("0", "1"):
        began = time.monotonic()
        told = bench.run(volume, 6, settings=(f"lease_wait_seconds={seconds}",))
        context.check(told.code == TIMED_OUT and told.last("error")[0] == "SPOT_E_TIMEOUT", f"it gives up: {told}")
        context.check(float(seconds) <= time.monotonic() - began < float(seconds) + 2, "after the time it was given")
        context.check(harness.contents(volume) == before, "and has changed nothing")
        context.count("second writers that gave up")
    first.communicate("\n")


def locks_lost(context, bench):
    """The lock file removed, replaced, or its folder gone: the lock only tells whether the writer lives."""
    def remove(workspace):
        (workspace / "lock").unlink()

    def replace(workspace):
        content = (workspace / "lock").read_bytes()
        (workspace / "lock").unlink()
        (workspace / "lock").write_bytes(content)

    for what, spoil in (("removed", remove), ("replaced", replace), ("gone with its folder", shutil.rmtree)):
        volume = bench.volume(f"lock-{what[:4]}")
        bench.run(volume, 3)
        bench.run(volume, 6)
        old = bench.start(volume, 5000, "--pause-us", 20000)
        for _ in range(3):
            old.stdout.readline()
        for workspace in (volume / "checkpoints").glob("writer-*"):
            spoil(workspace)
        new = bench.run(volume, 100, settings=("lease_wait_seconds=0",))
        text, errors = old.communicate(timeout=harness.PATIENCE)
        told = harness.Told(text, old.returncode, errors)
        context.check(new.code == 0, f"lock {what}: the second writer gets the volume: {new}")
        context.check(told.code == FENCED, f"lock {what}: the first is fenced: {told}")
        bench.check_resume(bench.run(volume, 0), new.acknowledged[0], f"lock {what}")
        bench.check_whole(volume, f"lock {what}", 100)
        context.count("volumes without a usable lock")


def many_at_once(context, bench, force):
    """Several writers start at the same moment."""
    for case in range(context.amount(5, 60)):
        volume = started(bench, context, f"many-{force}-{case}")
        settings = FORCE if force else ("lease_wait_seconds=60",)
        crowd = [bench.start(volume, 10 + 5 * number, settings=settings) for number in range(4)]
        told = []
        for process in crowd:
            text, errors = process.communicate(timeout=harness.PATIENCE)
            told.append(harness.Told(text, process.returncode, errors))
        floor = max(t.acknowledged[0] for t in told if t.acknowledged)
        what = f"four writers at once, {'by force' if force else 'waiting'}, case {case}"
        for one in told:
            context.check(one.code == 0 or (force and one.code == FENCED), f"{what}: {one}")
            bench.check_acknowledged(one, what)
        bench.check_resume(bench.run(volume, 0), floor, what)
        bench.check_whole(volume, what, max(floor, 25))
        context.count("writers that started at once", 4)


def whole_programs(context, folder):
    """spotctl with its logs and models: stopped by SIGSTOP at a random moment, overtaken, thawed."""
    spotctl = context.program("spotctl", "examples/spotctl")
    harness.write_dataset(folder / "digits", train=400)
    for case in range(context.amount(4, 60)):
        volume = folder / f"programs-{case}"
        volume.mkdir()
        command = [spotctl, "train", "--volume", str(volume), "--metadata", "none", "--dataset",
                   str(folder / "digits"), "--model", "mlp", "--batch-size", "16", "--threads", "1",
                   "--checkpoint-steps", "2", "--run-id", "run"]
        old = harness.start([*command, "--epochs", "40"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        harness.wait_until(lambda: len(harness.published(volume)) > 1)
        time.sleep(context.random.uniform(0, 0.3))
        old.send_signal(signal.SIGSTOP)
        new = subprocess.run([*command, "--epochs", "42", "--takeover", "true"], capture_output=True, text=True,
                             check=False)
        before = harness.contents(volume)
        old.send_signal(signal.SIGCONT)
        _, errors = old.communicate(timeout=harness.PATIENCE)
        what = f"two spotctl, case {case}"
        context.check(new.returncode == 0, f"{what}: the second takes over and finishes: {new.stderr[-300:]}")
        context.check(old.returncode == FENCED, f"{what}: the first exits {old.returncode}: {errors.decode()[-300:]}")
        after = harness.contents(volume)
        context.check(after == before, f"{what}: the volume is as it was: {differences(before, after)}")
        context.count("spotctl stopped, overtaken and thawed")
        shutil.rmtree(volume)


def row(context):
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        second_waits(context, bench)
        second_gives_up(context, bench)
        locks_lost(context, bench)
        many_at_once(context, bench, force=False)
        many_at_once(context, bench, force=True)
        with context.part():
            injector = harness.Injector(context)
            control(context, bench, injector)
            frozen_at_each_call(context, bench, injector, "save")
            frozen_at_each_call(context, bench, injector, "restore")
            take_over_killed_at_each_call(context, bench, injector)
        whole_programs(context, folder)


ROWS = {"19": ("two writers, one frozen and thawed", row)}

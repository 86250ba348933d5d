"""Row 11: SIGKILL at every system call of a save, and at random moments."""
import os
import subprocess
import sys
import time

import harness

KEEP_GOING = 20  # steps that a life may go beyond the one before


def first_lives(context, bench, injector, calls):
    """Each life begins on a new volume and is killed at its call k: the folder's creation and the first saves."""
    for call in range(calls):
        volume = bench.volume(f"first-{call}")
        told = bench.run(volume, 5, "--mark", "restore", injector=injector(call))
        what = f"killed at call {call}, {injector.hit(told)}, on a new volume"
        floor = told.acknowledged[0] if told.acknowledged else 0
        bench.check_acknowledged(told, what)
        after = bench.run(volume, floor)
        bench.check_resume(after, floor, what)
        bench.check_whole(volume, what, after.at[0])
        if injector.hit(told) is None:
            return
        context.count("kills at distinct system calls, new volume")


def chain_of_lives(context, bench, injector, calls, name, settings=()):
    """One volume; life k resumes what the one before left and is killed at its call k."""
    volume, floor = bench.volume(name), 0
    for call in range(calls):
        told = bench.run(volume, floor + KEEP_GOING + call // 20, "--mark", "restore", injector=injector(call),
                         settings=settings)
        what = f"killed at call {call}, {injector.hit(told)}, of a life of {name}"
        context.check(told.code in (0, 137), f"{what}: {told}")
        bench.check_acknowledged(told, what)
        if told.acknowledged:
            floor = told.acknowledged[0]
        # A life of its own to look: three deaths in a row while restoring would speak against the checkpoint.
        bench.check_resume(bench.run(volume, 0), floor, what)
        if injector.hit(told):
            context.count("kills at distinct system calls, resumed run")
    bench.check_whole(volume, name, bench.run(volume, 0, settings=settings).at[0])


def random_lives(context, bench, kills, name, longest):
    """One volume; each life ends at a moment that nothing is tied to."""
    volume, floor = bench.volume(name), 0
    for number in range(kills):
        process = bench.start(volume, floor + 100000)
        time.sleep(context.random.uniform(0, longest))
        harness.kill(process)
        text, errors = process.communicate()
        told = harness.Told(text, process.returncode, errors)
        what = f"kill {number} at a random moment of {name}"
        context.check(told.code == -9, f"{what}: {told}")
        bench.check_acknowledged(told, what)
        if told.acknowledged:
            floor = told.acknowledged[0]
        bench.check_resume(bench.run(volume, 0), floor, what)
        context.count("kills at random moments")
    bench.check_whole(volume, name, bench.run(volume, 0).at[0])


def controls(context, bench, injector):
    """A store that says 'durable' before it renamed, and one that never wrote, must be found out."""
    for what, only in (("a rename left out", "renameat2"), ("a write left out", "write,pwrite64")):
        volume = bench.volume(f"control-{only[:5]}")
        kind = "file" if only.startswith("write") else None
        told = bench.run(volume, 2, "--mark", "save", injector=injector(0, "lie", only, kind, times=0))
        floor = told.acknowledged[0] if told.acknowledged else 0
        try:
            after = bench.run(volume, floor)
            bench.check_resume(after, floor, what)
            bench.check_whole(volume, what, after.at[0])
            failed = False
        except harness.Failure:
            failed = True
        context.control(what, failed)


def storm(context):
    """Epochs, evaluation, logs and exported model through the same: spotctl, killed at random."""
    kills = str(context.amount(12, 200))
    result = subprocess.run([sys.executable, f"{os.path.dirname(__file__)}/kill_storm.py", "--kills", kills, "--seed",
                             str(context.seed)], env={**os.environ, "SPOTCTL": context.program(
                                 "spotctl", "examples/spotctl")}, capture_output=True, text=True, check=False)
    context.check(result.returncode == 0, f"kill_storm: {result.stdout[-600:]}{result.stderr[-300:]}")
    context.count("kills of spotctl", int(kills))


def row(context):
    with harness.scratch() as folder:
        bench = harness.Bench(context, folder)
        with context.part():
            injector = harness.Injector(context)
            controls(context, bench, injector)
            first_lives(context, bench, injector, context.amount(120, 2000))
            chain_of_lives(context, bench, injector, context.amount(120, 900), "chain")
        random_lives(context, bench, context.amount(60, 1000), "random", 0.08)
    with harness.scratch() as folder:
        larger = harness.Bench(context, folder, 512)
        with context.part():
            chain_of_lives(context, larger, harness.Injector(context), context.amount(30, 400), "larger chain",
                           ("keep_last=2", "keep_best=0"))
        random_lives(context, larger, context.amount(20, 500), "larger random", 0.15)
    storm(context)


ROWS = {"11": ("SIGKILL at each system call of a save, and at random moments", row)}

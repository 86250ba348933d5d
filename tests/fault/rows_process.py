"""Rows 10, 20, 21, 23, 24: notices at any moment, memory, the host process, hostile files, threads."""
import contextlib
import math
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import threading

import harness

HERE = pathlib.Path(__file__).parent


def call(command, timeout=600, environment=None):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=timeout,
                          env={**os.environ, **(environment or {})})


def noticed_run(context, bench, volume, when, delay):
    result = call([context.program("notice"), volume, when, delay, *bench.settings, "epochs=2", "checkpoint_steps=1"])
    context.check(result.returncode == 0, f"notice {delay} µs after {when}: {result.stdout}{result.stderr}")
    reason, durable, step, state, milliseconds = result.stdout.split()
    return reason, int(durable), int(step), state, float(milliseconds)


def row_10(context):
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder, train=320)
        harness.write_dataset(bench.folder / "data", train=320, test=4000)
        whole = noticed_run(context, bench, bench.volume("whole"), "never", 0)
        context.control("without a notice nothing is interrupted", whole[0] == "done" and whole[2] == 40)
        longest = {"load": 3000, "run": 3000, "step": 20000, "evaluation": 4000}
        for when, most in longest.items():
            for case in range(context.amount(12, 250)):
                volume = bench.volume(f"{when}-{case}")
                if when == "run":  # something to restore
                    noticed_run(context, bench, volume, "step", 500)
                delay = context.random.randrange(most)
                reason, durable, step, state, took = noticed_run(context, bench, volume, when, delay)
                what = f"notice {delay} µs after {when}"
                if reason == "done":
                    context.check(state == whole[3], f"{what}: came too late, the run is done")
                    continue
                context.check((reason, durable) == ("interrupted", 1), f"{what}: reason {reason}, durable {durable}, step {step}")
                before_it_began = step == 0 and math.isnan(took)  # nothing to save
                context.check(took < 1000 or before_it_began, f"{what}: durable after {took} ms, step {step}")
                last = noticed_run(context, bench, volume, "never", 0)
                context.check(last[0] == "done" and last[3] == whole[3], f"{what}: ends in {last}, not {whole}")
                context.count({"load": "notices while data is loaded", "run": "notices while a run restores",
                               "step": "notices while it steps and saves",
                               "evaluation": "notices while it evaluates"}[when])
    result = call([sys.executable, HERE / "every_step.py", next((context.build / "src/capi").glob(
        "libspot_trainer.so"))])
    context.check(result.returncode == 0, f"every_step: {result.stdout}{result.stderr}")
    context.count("notices, one at every step", 59)
    result = call([sys.executable, HERE / "interruption.py"], environment={
        "SPOTCTL": context.program("spotctl", "examples/spotctl")})
    context.check(result.returncode == 0, f"interruption: {result.stdout[-600:]}{result.stderr[-300:]}")
    context.count("checks of notices of every kind", int(result.stdout.split()[-5]))


def row_20(context):
    variants = {"one thread": (), "two threads": ("threads=2", "shards=4")}
    if context.long:
        variants |= {"a larger model": ("model=mlp",), "sgd": ("optimizer=sgd",), "four threads": ("threads=4", "shards=8")}
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        for name, settings in variants.items():
            # One run's name for all passes: retention leaves other runs' checkpoints alone, and each pass would find
            # one more of them, and allocate more for it.
            result = call([context.program("allocation"), bench.volume(name), 1, 1, *bench.settings, "run_id=row-20",
                           f"metadata=file:{folder}/notice", "epochs=1000000", *settings])
            lines = result.stdout.splitlines()
            context.check(result.returncode == 0, f"{name}: " + "; ".join(lines[-12:]))
            _, passes, _, _, _, errors = lines[-1].split()
            context.count("failed allocations", int(passes))
            context.count("of them answered by an error", int(errors))
        result = call([context.program("allocation"), bench.volume("control"), 1, 50, *bench.settings,
                       "model=no-such-model"])
        context.control("an answer that is no 'out of memory'", result.returncode == 1)


@contextlib.contextmanager
def server_that_hangs_up():
    """Accepts, reads something, resets the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError):
                    connection.recv(10)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.close()


def row_21(context):
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        host = context.program("host")
        for case in range(context.amount(2, 30)):
            volume = bench.volume(f"fork-{case}")
            result = call([host, volume, "fork", *bench.settings])
            context.check(result.returncode == 0, f"fork during saves: {result.stdout}{result.stderr}")
            context.count("forks during saves", int(result.stdout.split()[1]))
            bench.check_whole(volume, "fork during saves", bench.run(volume, 0).at[0])
        volume = bench.volume("orphan")
        result = call([host, volume, "orphan", *bench.settings])
        context.check(result.returncode == 0, f"orphan: {result.stdout}{result.stderr}")
        told = bench.run(volume, 5, settings=("lease_wait_seconds=2",))
        context.check(told.code == 0 and told.at[0] == 3, f"a child that outlives the writer keeps the volume: {told}")
        context.count("children that outlived the writer")
        with server_that_hangs_up() as url:
            settings = [s for s in bench.settings if not s.startswith(("dataset=", "metadata="))]
            result = call([host, bench.volume("sigpipe"), "sigpipe", *settings, "dataset=mnist", f"dataset_mirrors={url}",
                           "metadata=aws", f"metadata_endpoint={url}", "poll_seconds=0.01"],
                          environment={"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"})
            context.check(result.returncode == 0, f"hang-ups: exit code {result.returncode} {result.stdout}")
            context.count("connections reset", int(result.stdout.split()[1]))
        result = call([host, folder, "pipe"])
        context.control("a write into a closed pipe ends the host", result.returncode == -13)


def row_23(context):
    fuzzers = sorted((context.build.parent / "fuzz/tests/fuzz").glob("*_fuzzer"))
    if not fuzzers:
        raise harness.Skip("the fuzzers are not built: cmake --preset fuzz && cmake --build --preset fuzz")
    for fuzzer in fuzzers:
        with harness.scratch(harness.memory()) as corpus:
            result = call([fuzzer, f"-max_total_time={context.amount(3, 60)}", "-rss_limit_mb=4096", "-verbosity=0",
                           f"-seed={context.seed % 2**31}", "-print_final_stats=1", corpus])
            context.check(result.returncode == 0, f"{fuzzer.name}: {result.stderr[-600:]}")
            context.count(f"inputs of {fuzzer.name}", int(re.search(r"executed_units: *(\d+)", result.stderr)[1]))
            # It looks at its memory once a second.
            result = call([fuzzer, "-max_total_time=10", "-rss_limit_mb=1", "-verbosity=0", corpus])
            context.control(f"{fuzzer.name} with one megabyte", result.returncode != 0)


def row_24(context):
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        sanitized = context.build.parent / "tsan/tests/fault/threads"
        programs = [(context.program("threads"), "rounds of handles between threads")]
        if sanitized.exists():
            programs.append((sanitized, "rounds under ThreadSanitizer"))
            result = call([sanitized, folder, 0])
            context.control("ThreadSanitizer sees a race", result.returncode != 0)
        else:
            context.skipped.append("ThreadSanitizer: build/tsan is not built")
        for number, (program, what) in enumerate(programs):
            rounds = context.amount(3, 40)
            result = call([program, bench.volume(f"threads-{number}"), rounds, *bench.settings])
            context.check(result.returncode == 0, f"{what}: {result.stdout}{result.stderr[-1500:]}")
            context.count(what, rounds)
            context.count("calls refused as busy", int(result.stdout.split()[3]))


ROWS = {
    "10": ("notice while it loads, restores, steps, saves, evaluates", row_10),
    "20": ("allocation N fails, for every N", row_20),
    "21": ("SIGPIPE, fork in the host", row_21),
    "23": ("hostile files", row_23),
    "24": ("handles between threads", row_24),
}

#!/usr/bin/env python3
"""callback_cost.py BUILD_DIR [STEPS] [ROUNDS]: what a step callback costs in each language beside C. Runs of the smallest
model, with a callback for each step, in turn on one processor; prints the least of their seconds, which other load on the
machine changes least, and the median."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
STEPS = sys.argv[2] if len(sys.argv) > 2 else "1000"
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 9
SOURCE = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = BUILD / "src/capi"


def environment(folder):
    (folder / "spot_trainer.pc").write_text(f"Name: spot_trainer\nDescription: {BUILD}\nVersion: 0\n"
                                            f"Libs: -L{LIBRARY} -lspot_trainer\nCflags: -I{SOURCE / 'include'}\n")
    return {**os.environ, "LD_LIBRARY_PATH": str(LIBRARY), "PKG_CONFIG_PATH": str(folder),
            "SPOT_TRAINER_LIB_DIR": str(LIBRARY), "SPOT_TRAINER_LIBRARY": str(LIBRARY / "libspot_trainer.so.1"),
            "PYTHONPATH": str(SOURCE / "bindings/python"), "PYTHONDONTWRITEBYTECODE": "1", "GOPROXY": "off",
            "CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(folder / "rust")}


def programs(folder):
    """Each language, where its program comes from, how it is built there, and how it is run."""
    use = [f"-I{SOURCE / 'include'}", f"-I{SOURCE / 'bindings/cpp'}", f"-L{LIBRARY}", "-lspot_trainer"]
    yield "C", SOURCE / "tests/bench", ["cc", "-O2", "callback_bench.c", "-o", folder / "c", *use], [folder / "c"]
    yield "C++", SOURCE / "bindings/cpp", ["c++", "-std=c++17", "-O2", "bench.cpp", "-o", folder / "cpp", *use], [folder / "cpp"]
    yield "Go", SOURCE / "bindings/go", ["go", "build", "-o", folder / "go", "./bench"], [folder / "go"]
    yield ("Rust", SOURCE / "bindings/rust", ["cargo", "build", "--quiet", "--release", "--locked", "--example", "bench"],
           [folder / "rust/release/examples/bench"])
    yield "Python", SOURCE, ["true"], [sys.executable, SOURCE / "bindings/python/examples/bench.py"]


def measure(program, env):
    with tempfile.TemporaryDirectory() as volume:
        return float(subprocess.run([*program, volume, STEPS], env=env, check=True, stdout=subprocess.PIPE, text=True,
                                    preexec_fn=lambda: os.sched_setaffinity(0, [0])).stdout)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        env = environment(folder)
        runs = {}
        for language, source, build, program in programs(folder):
            if shutil.which(build[0]) is None:
                print(f"{language} skipped: there is no {build[0]}")
                continue
            subprocess.run(build, cwd=source, env=env, check=True)
            runs[language] = program
        seconds = {language: [] for language in runs}
        for _ in range(ROUNDS):
            for language, program in runs.items():
                seconds[language].append(measure(program, env))
    print(f"{STEPS} steps, {ROUNDS} rounds in turn")
    least = min(seconds["C"])
    for language, times in seconds.items():
        print(f"{language:7} least {min(times):.3f} s, median {statistics.median(times):.3f} s: {min(times) / least:.3f} times "
              f"C's, {(min(times) - least) / float(STEPS) * 1e6:+.1f} us a step")



main()

#!/usr/bin/env python3
"""callback_cost.py BUILD_DIR [ROUNDS]: what a step callback costs in each language beside C. Runs with a callback for each
step, in turn on one processor; each is compared with C's run of the same round, and the median of the rounds counts.

The smallest preset's steps take so long that a callback is lost in what the machine does from run to run. So a model whose
steps take some microseconds tells what a callback costs, and the preset what share of a step that is."""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 9
PRESET = ("mlp", 1000)
TINY = ('{"layers": [{"type": "flatten"}, {"type": "dense", "units": 10}]}', 3000)
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


def measure(program, model, steps, env):
    """Microseconds a step."""
    with tempfile.TemporaryDirectory() as volume:
        seconds = subprocess.run([*program, volume, str(steps), model], env=env, check=True, stdout=subprocess.PIPE, text=True,
                                 preexec_fn=lambda: os.sched_setaffinity(0, [0])).stdout
    return float(seconds) / steps * 1e6


def in_turn(runs, model, steps, env):
    """Of each language the times of a step, one a round."""
    times = {language: [] for language in runs}
    for _ in range(ROUNDS):
        for language, program in runs.items():
            times[language].append(measure(program, model, steps, env))
    return times


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
        tiny, preset = in_turn(runs, *TINY, env), in_turn(runs, *PRESET, env)
    step = statistics.median(preset["C"])
    print(f"{ROUNDS} rounds in turn; a step with a callback in C takes {statistics.median(tiny['C']):.1f} us with one layer, "
          f"{step:.0f} us with {PRESET[0]}")
    print(f"| language | callback's cost over C's, us | of a step of {PRESET[0]} | {PRESET[1]} steps of {PRESET[0]}, times C's "
          "(least-most) |\n|---|---|---|---|")
    for language in runs:
        cost = statistics.median(own - c for own, c in zip(tiny[language], tiny["C"]))
        ratios = [own / c for own, c in zip(preset[language], preset["C"])]
        print(f"| {language} | {cost:+.2f} | {cost / step:+.3%} | {statistics.median(ratios):.3f} "
              f"({min(ratios):.3f}-{max(ratios):.3f}) |")


main()

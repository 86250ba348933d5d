#!/usr/bin/env python3
"""Trains MNIST by a recipe of spot-trainer's (key `recipe`), seed after seed, and by the same recipe with PyTorch:
test accuracy, time of the training steps, and wall time of the whole process. Prints a Markdown table.

Run it with the Python of the environment that run.sh made: build/peers-venv/bin/python.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from peers import MEMORY, default_spotctl, need

HERE = Path(__file__).resolve().parent
Result = dict[str, float]


def resolved(spotctl: Path, dataset: Path, settings: list[str]) -> dict[str, Any]:
    """Every key's value under these settings: what a checkpoint of a run of one step holds."""
    with tempfile.TemporaryDirectory() as volume:
        train(spotctl, dataset, 1, [*settings, "--set", "steps=1"], volume)
        text = subprocess.run([spotctl, "inspect", "--json", volume], capture_output=True, text=True, check=True).stdout
    return json.loads(text)["config"]


def train(spotctl: Path, dataset: Path, seed: int, settings: list[str], volume: str) -> list[dict[str, Any]]:
    """The run's events, each with the second in which it came."""
    command = [spotctl, "train", "--json", "--quiet", "--json-step-seconds", "0", "--metadata", "none", "--volume", volume,
               "--dataset", dataset, "--seed", str(seed), *settings]
    start = time.perf_counter()
    events = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            events.append(json.loads(line) | {"at": time.perf_counter() - start})
    if process.returncode != 0:
        sys.exit(f"spotctl ended with {process.returncode}")
    return [*events, {"event": "exit", "at": time.perf_counter() - start}]


def ours(spotctl: Path, dataset: Path, seed: int, settings: list[str]) -> Result:
    with tempfile.TemporaryDirectory() as volume:
        events = train(spotctl, dataset, seed, settings, volume)
    begin = next(event["at"] for event in events if event["event"] == "start")
    # The epochs' evaluations are no training.
    steps = [event for event in events if event["event"] == "step"]
    epochs = [event for event in events if event["event"] == "epoch"]
    training, before = 0.0, begin
    for epoch in epochs:
        training += max(step["at"] for step in steps if step["epoch"] == epoch["epoch"]) - before
        before = epoch["at"]
    return {"accuracy": epochs[-1]["test_accuracy"], "training_s": training, "wall_s": events[-1]["at"]}


def theirs(dataset: Path, seed: int, config: dict[str, Any], device: str) -> Result:
    model = HERE / "models" / f"{config['model']}.json"
    threads = len(os.sched_getaffinity(0))
    tuned = MEMORY | {"OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}
    command = [sys.executable, HERE / "torch_recipe.py", "--model", model, "--data", dataset, "--seed", str(seed),
               "--config", json.dumps(config), "--threads", str(threads), "--device", device]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | tuned)
    return json.loads(done.stdout) | {"wall_s": time.perf_counter() - start}


def row(name: str, results: list[Result]) -> str:
    accuracies = [100 * result["accuracy"] for result in results]
    cells = [name, str(len(results)),
             f"{statistics.fmean(accuracies):.2f} % ({min(accuracies):.2f}–{max(accuracies):.2f})"]
    for key in ("training_s", "wall_s"):
        values = [result[key] for result in results]
        cells.append(f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="fastest")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key besides, for ours")
    parser.add_argument("--seeds", type=int, default=10, help="ours: seeds 1 to N [10]")
    parser.add_argument("--peer-seeds", type=int, default=3, help="PyTorch's; 0: leave it out [3]")
    parser.add_argument("--dataset", type=Path, default=Path(os.environ.get("SPOT_TEST_MNIST", "../shared/mnist")),
                        help="MNIST as IDX files [$SPOT_TEST_MNIST, else ../shared/mnist]")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="for ours and PyTorch [cpu]")
    parser.add_argument("--spotctl", type=Path, help="[of build/release, or build/cuda for --device cuda]")
    options = parser.parse_args()
    options.spotctl = options.spotctl or default_spotctl(options.device)
    detail = need(options.spotctl, options.device)
    settings = ["--device", options.device, "--set", f"recipe={options.recipe}",
                *(word for pair in options.set for word in ("--set", pair))]
    config = resolved(options.spotctl, options.dataset, settings)

    rows: dict[str, list[Result]] = {}
    for seed in range(1, max(options.seeds, options.peer_seeds) + 1):
        # In turns, so that whatever else goes on meets all of them.
        if seed <= options.seeds:
            rows.setdefault("spot-trainer", []).append(ours(options.spotctl, options.dataset, seed, settings))
        if seed <= options.peer_seeds:
            rows.setdefault("PyTorch fp32", []).append(theirs(options.dataset, seed, config, options.device))
        print(seed, {name: results[-1] for name, results in rows.items()}, file=sys.stderr, flush=True)
    print(f"{' '.join(settings)} ({detail})\n\n| | seeds | test accuracy, mean (range) | training s, median (range) "
          "| whole process s, median (range) |\n|---|---|---|---|---|")
    for name, results in rows.items():
        print(row(name, results))


if __name__ == "__main__":
    main()

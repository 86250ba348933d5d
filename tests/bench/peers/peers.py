#!/usr/bin/env python3
"""Runs the contestants in turn and prints the table; run.sh calls it in an environment that has everything."""
import argparse
import itertools
import json
import os
import platform
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from floors import bytes_a_step

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]

Result = dict[str, Any]
PRECISIONS = ("fp32", "tf32", "bf16")

# What PyTorch's and glibc's tuning guides advise: a thread on each processor, and memory that stays in the process.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
          "MALLOC_TOP_PAD_": str(256 << 20)}


@dataclass
class Contestant:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    precision: str = "fp32"
    settings: list[str] = field(default_factory=list)  # ours: what the command has besides
    failure: str = ""
    results: list[Result] = field(default_factory=list)

    @property
    def ours(self) -> bool:
        return self.name.startswith("spot-trainer")

    def values(self, key: str) -> list[float]:
        return [result[key] for result in self.results]

    def median(self, key: str) -> float:
        return statistics.median(self.values(key))


def default_spotctl(device: str) -> Path:
    return ROOT / "build" / ("cuda" if device == "cuda" else "release") / "examples/spotctl/spotctl"


def need(spotctl: Path, device: str) -> str:
    """The device as spotctl describes it. Exits where there is no spotctl, or it cannot use the device."""
    if not spotctl.is_file():
        how = "cmake --preset cuda && cmake --build build/cuda" if device == "cuda" else "build preset release"
        sys.exit(f"{spotctl} is not there: {how} first")
    backends = json.loads(output(spotctl, "version", "--json"))["backends"]
    unknown = {"usable": False, "detail": "this spotctl has no such engine"}
    backend = next((b for b in backends if b["name"] == device), unknown)
    if not backend["usable"]:
        sys.exit(f"device '{device}' cannot be used here: {backend['detail']}")
    return backend["detail"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--check-only", action="store_true", help="stop when spotctl and the device are found usable")
    parser.add_argument("--model", default="keras-cnn")
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", default=",".join(map(str, sorted(os.sched_getaffinity(0)))))
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--spotctl", type=Path, help="[of build/release, or build/cuda for --device cuda]")
    parser.add_argument("--debian-python", type=Path, default=Path("/usr/bin/python3"))
    parser.add_argument("--no-tensorflow", action="store_true")
    parser.add_argument("--others", type=float, default=0.1)
    parser.add_argument("--attempts", type=int, default=1)
    parser.add_argument("--patience", type=float, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    options.model = next((p for p in (HERE / "models" / f"{options.model}.json", Path(options.model)) if p.is_file()),
                         None) or parser.error(f"there is no model {options.model}")
    options.spotctl = options.spotctl or default_spotctl(options.device)
    options.device_detail = need(options.spotctl, options.device)
    options.threads = len(options.cores.split(","))
    return options


def output(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                          env=os.environ | (environment or {}))
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def find_dataset(options: argparse.Namespace, volume: str) -> tuple[Path, str]:
    """The folder of images, and what to call it."""
    for folder in (options.dataset, os.environ.get("SPOT_TEST_MNIST"), ROOT.parent / "shared/mnist"):
        if folder and any(Path(folder).glob("train-images-idx3-ubyte*")):
            return Path(folder).resolve(), "MNIST"
        if folder and folder == options.dataset:
            sys.exit(f"{folder} holds no train-images-idx3-ubyte")
    output(options.spotctl, "bench", "--seconds", "0.1", "--dataset", "synthetic", "--volume", volume)
    folder = Path(volume) / "synthetic"
    folder.mkdir()
    names = {"train-images": "train-images-idx3-ubyte", "train-labels": "train-labels-idx1-ubyte",
             "test-images": "t10k-images-idx3-ubyte", "test-labels": "t10k-labels-idx1-ubyte"}
    for part, name in names.items():
        (folder / name).symlink_to(next((Path(volume) / "datasets").glob(f"synthetic-*-{part}.*")))
    return folder, "SYNTHETIC DIGITS (no MNIST was given)"


def our_settings(options: argparse.Namespace, dataset: Path, volume: str) -> list[str]:
    return ["--device", options.device, "--model", str(options.model), "--optimizer", options.optimizer, "--batch-size",
            str(options.batch_size), "--threads", str(options.threads), "--dataset", str(dataset), "--volume", volume]


def make_contestants(options: argparse.Namespace, dataset: Path, volume: str) -> list[Contestant]:
    bench = [str(options.spotctl), "bench", "--json", *our_settings(options, dataset, volume)]
    contestants: list[Contestant] = []

    def ours(name: str, precision: str, *settings: str) -> None:
        contestants.append(Contestant(f"spot-trainer {name}", [*bench, "--seconds", str(options.seconds), *settings],
                                      precision=precision, settings=list(settings)))

    fast = ["--set", "mode=fast"]
    if options.device == "cuda":
        for precision in PRECISIONS:
            ours(precision, precision, "--set", f"precision={precision}")
    else:
        ours("exact", "fp32")
        if subprocess.run([*bench, *fast, "--seconds", "0.1"], capture_output=True, check=False).returncode == 0:
            ours("fast", "fp32", *fast)

    common = ["--model", str(options.model), "--data", str(dataset), "--optimizer", options.optimizer, "--batch-size",
              str(options.batch_size), "--seconds", str(options.seconds), "--threads", str(options.threads)]
    bound = MEMORY | {"OMP_NUM_THREADS": str(options.threads), "OMP_PROC_BIND": "close", "OMP_PLACES": "cores",
                      "TORCHINDUCTOR_CACHE_DIR": str(ROOT / "build/peers-inductor")}

    def torch(name: str, *flags: str, python: Path | str = sys.executable, precision: str = "fp32") -> None:
        command = [str(python), str(HERE / "torch_contestant.py"), *common, "--device", options.device, "--precision",
                   precision, *flags]
        contestants.append(Contestant(f"PyTorch {name}", command, bound if flags else {}, precision))

    def tensorflow(name: str, *flags: str) -> None:
        contestants.append(Contestant(f"TensorFlow {name}",
                                      [sys.executable, str(HERE / "tensorflow_contestant.py"), *common, *flags],
                                      MEMORY if flags else {}, "bf16" if "--bf16" in flags else "fp32"))

    if options.device == "cuda":
        for precision in PRECISIONS:
            tuned = ["--tuned", "--channels-last"]
            torch(f"{precision} eager", *tuned, precision=precision)
            torch(f"{precision} compile", *tuned, "--compile", precision=precision)
            torch(f"{precision} graph", *tuned, "--graph", precision=precision)
            torch(f"{precision} compile graph", *tuned, "--compile", "--graph", precision=precision)
        return [c for c in contestants if c.ours or re.search(options.only, c.name)]

    bf16 = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    torch("as shipped")
    torch("fp32", "--tuned")
    torch("fp32 channels_last", "--tuned", "--channels-last")
    torch("fp32 compile", "--tuned", "--compile")
    torch("fp32 channels_last compile", "--tuned", "--channels-last", "--compile")
    if bf16:
        torch("bf16 channels_last", "--tuned", "--channels-last", precision="bf16")
        torch("bf16 channels_last compile", "--tuned", "--channels-last", "--compile", precision="bf16")
    if subprocess.run([options.debian_python, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
        torch("of Debian, as shipped", python=options.debian_python)
        torch("of Debian, fp32", "--tuned", python=options.debian_python)
    if not options.no_tensorflow:
        tensorflow("as shipped")
        tensorflow("fp32", "--tuned")
        tensorflow("fp32 XLA", "--tuned", "--xla")
        if bf16:
            tensorflow("bf16", "--tuned", "--bf16")
            tensorflow("bf16 XLA", "--tuned", "--bf16", "--xla")
    return [c for c in contestants if c.ours or re.search(options.only, c.name)]


def check_ours(options: argparse.Namespace, dataset: Path, settings: list[str]) -> Result:
    """That ours trains, and how many parameters: bench does not tell."""
    with tempfile.TemporaryDirectory() as volume:
        lines = output(options.spotctl, "train", "--json", "--json-step-seconds", "0", "--quiet", "--steps", "200",
                       "--metadata", "none", *our_settings(options, dataset, volume), *settings).splitlines()
    events = [json.loads(line) for line in lines]
    losses = [event["loss"] for event in events if event["event"] == "step"]
    return {"parameters": events[0]["parameter_count"], "first_loss": statistics.fmean(losses[:50]),
            "last_loss": statistics.fmean(losses[-50:])}


def busy_seconds() -> float:
    """Processor time that the whole machine has used."""
    ticks = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run_once(options: argparse.Namespace, contestant: Contestant) -> Result:
    start, busy, own = time.monotonic(), busy_seconds(), own_seconds()
    text = output("taskset", "--cpu-list", options.cores, *contestant.command, environment=contestant.environment)
    others = ((busy_seconds() - busy) - (own_seconds() - own)) / (time.monotonic() - start)
    return json.loads(text.splitlines()[-1]) | {"others_busy": max(0.0, others)}


def wait_for_quiet(options: argparse.Namespace) -> None:
    end = time.monotonic() + options.patience
    while time.monotonic() < end:
        busy = busy_seconds()
        time.sleep(1)
        if busy_seconds() - busy <= options.others:
            return


def run_quietly(options: argparse.Namespace, contestant: Contestant) -> Result:
    """The first result that others hardly disturbed, else the least disturbed one."""
    results = []
    for _ in range(options.attempts):
        wait_for_quiet(options)
        results.append(run_once(options, contestant))
        if results[-1]["others_busy"] <= options.others:
            break
    return min(results, key=lambda result: result["others_busy"])


def run_rounds(options: argparse.Namespace, contestants: list[Contestant], checks: dict[str, Result]) -> None:
    """A peer that fails on a card is left out from then on, and named under the table."""
    parameters = next(iter(checks.values()))["parameters"]
    for number in range(options.rounds):
        for contestant in contestants if number % 2 == 0 else contestants[::-1]:
            if contestant.failure:
                continue
            try:
                result = run_quietly(options, contestant)
            except RuntimeError as error:
                if contestant.ours or options.device == "cpu":
                    raise
                contestant.failure = str(error).strip().splitlines()[-1]
                print(f"{contestant.name} failed: {error}", file=sys.stderr, flush=True)
                continue
            result = checks.get(contestant.name, {}) | result
            if result["parameters"] != parameters:
                raise RuntimeError(f"{contestant.name} has {result['parameters']} parameters, not {parameters}")
            contestant.results.append(result)
            print(f"round {number + 1}/{options.rounds}  {contestant.name:36} "
                  f"{result['train_samples_per_second']:8.0f} samples/s, loss {result['first_loss']:.2f} to "
                  f"{result['last_loss']:.2f}, others {result['others_busy']:.2f}", file=sys.stderr, flush=True)


def versions(options: argparse.Namespace, contestants: list[Contestant]) -> list[str]:
    found = [output(options.spotctl, "version").splitlines()[0].split(",")[0]]
    found += sorted({r["version"] for c in contestants for r in c.results if "version" in r})
    return found


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} processors, {model[1].strip() if model else platform.machine()}, {platform.system()} " \
           f"{platform.release()}"


def driver() -> str:
    try:
        return "; ".join(output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines())
    except (OSError, RuntimeError):
        return "unknown: nvidia-smi is not there"


def commit() -> str:
    try:
        return output("git", "-C", ROOT, "describe", "--always", "--dirty")[:-1]
    except RuntimeError:
        return "unknown"


def times(reference: Contestant, other: Contestant) -> float:
    """How many times as fast as `other` the reference trains: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(reference.values("train_samples_per_second"),
                                                   other.values("train_samples_per_second")))


def floors(options: argparse.Namespace, card: Result, contestants: list[Contestant], parameters: int) -> list[str]:
    """Of each precision, on a card of which floors.py said this; it has the formula of the bytes, too."""
    kernel_us, bandwidth = card["kernel_us"], card["copy_gb_per_second"]
    layers = json.loads(options.model.read_text())["layers"]
    lines = []
    for c in contestants:
        if not c.ours:
            continue
        calls = len(c.results[0]["layers"])
        moved = bytes_a_step(layers, parameters, options.batch_size, options.optimizer, 2 if c.precision == "bf16" else 4)
        lines.append(f"{c.precision} {calls} operations of ours × {kernel_us:.2f} µs a kernel of one element in a graph = "
                     f"{calls * kernel_us:.1f} µs, {moved * 1e-6:.1f} MB / {bandwidth:,.0f} GB/s of a copy = "
                     f"{moved / bandwidth * 1e-3:.1f} µs")
    return lines


def step_time(options: argparse.Namespace, contestant: Contestant) -> str:
    """On a card the mean: a launch returns before its step is computed, and only whole runs are timed."""
    if options.device == "cpu":
        return f"{contestant.median('step_ms_median'):.1f}"
    return f"{1e6 * options.batch_size / contestant.median('train_samples_per_second'):.1f}"


def table(options: argparse.Namespace, contestants: list[Contestant]) -> str:
    ours = [c for c in contestants if c.ours]
    step = "step ms" if options.device == "cpu" else "step µs"
    heads = ["contestant", "train samples/s (min–max)", "test samples/s", step,
             *(f"{c.name.split()[-1]} is … times as fast" for c in ours)]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for c in contestants:
        train = c.values("train_samples_per_second")
        falls = "" if c.median("last_loss") < c.median("first_loss") else " (its loss does not fall)"
        lines.append(f"| {c.name}{falls} | {statistics.median(train):,.0f} ({min(train):,.0f}–{max(train):,.0f}) | "
                     f"{c.median('test_samples_per_second'):,.0f} | {step_time(options, c)} | "
                     + " | ".join(f"{times(o, c):.2f}" for o in ours) + " |")
    return "\n".join(lines)


def verdicts(options: argparse.Namespace, contestants: list[Contestant]) -> list[str]:
    """On a card only ours of the same precision is compared."""
    lines = []
    for peer, precision in itertools.product(("PyTorch", "TensorFlow"), PRECISIONS):
        group = [c for c in contestants if c.name.startswith(peer) and c.precision == precision]
        if not group:
            continue
        best = max(group, key=lambda c: c.median("train_samples_per_second"))
        lines += [f"- {o.name} trains {times(o, best):.2f} times as fast as {peer}'s best {precision} ({best.name})"
                  for o in contestants if o.ours and (options.device == "cpu" or o.precision == precision)]
    return lines


def plot(path: Path, title: str, contestants: list[Contestant]) -> None:
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "peers", "svg.fonttype": "none"})
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel

    ordered = sorted(contestants, key=lambda c: c.median("train_samples_per_second"))
    middles = [c.median("train_samples_per_second") for c in ordered]
    lowest = [m - min(c.values("train_samples_per_second")) for m, c in zip(middles, ordered)]
    highest = [max(c.values("train_samples_per_second")) - m for m, c in zip(middles, ordered)]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.36 * len(ordered)), layout="constrained")
    axes.barh([c.name for c in ordered], middles, xerr=[lowest, highest], ecolor="#555555", capsize=2,
              color=["#1f6fb4" if c.ours else "#b8c4ce" if c.precision == "fp32" else "#d9c79f" for c in ordered])
    for row, value in enumerate(middles):
        axes.text(value + highest[row], row, f"  {value:,.0f}", va="center", fontsize=9)
    axes.set_xlim(right=1.12 * max(m + h for m, h in zip(middles, highest)))
    axes.set_xlabel("training samples a second, median and range of the rounds")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    options = parse()
    if options.check_only:
        return
    with tempfile.TemporaryDirectory() as volume:
        dataset, dataset_name = find_dataset(options, volume)
        contestants = make_contestants(options, dataset, volume)
        checks = {c.name: check_ours(options, dataset, c.settings) for c in contestants if c.ours}
        for name, check in checks.items():
            if check["last_loss"] >= check["first_loss"]:
                sys.exit(f"the loss of {name} does not fall: {check}")
        if options.device == "cuda":
            card = json.loads(output(sys.executable, HERE / "floors.py").splitlines()[-1])
        run_rounds(options, contestants, checks)
    failed = [c for c in contestants if c.failure]
    contestants = [c for c in contestants if not c.failure]
    parameters = next(iter(checks.values()))["parameters"]
    others = [result["others_busy"] for c in contestants for result in c.results]
    title = f"{options.model.stem}, {options.optimizer}, batch {options.batch_size}, {options.threads} threads"
    facts = {
        "network": f"{title}, {parameters:,} parameters, {dataset_name}",
        "machine": f"{machine()}; meanwhile others kept {statistics.median(others):.2f} processors busy (median of the "
                   f"runs; most {max(others):.2f})",
        "versions": "; ".join(versions(options, contestants)) + f"; commit {commit()}",
        "command": shlex.join(["tests/bench/peers/run.sh", *sys.argv[1:]]),
        "rounds": f"{options.rounds} of {options.seconds:g} s of training and of testing each",
    }
    if options.device == "cuda":
        facts |= {"card": options.device_detail, "driver": driver(),
                  "floors of a step": "; ".join(floors(options, card, contestants, parameters))}
    print("\n".join(f"- {key}: {value}" for key, value in facts.items()))
    print(f"\n{table(options, contestants)}\n")
    print("\n".join([*verdicts(options, contestants), *(f"- {c.name} did not run: {c.failure}" for c in failed)]))
    if options.json:
        results = [{"name": c.name, "environment": c.environment, "results": c.results} for c in contestants]
        options.json.write_text(json.dumps(facts | {"contestants": results}, indent=1) + "\n")
    if options.plot:
        plot(options.plot, title, contestants)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))

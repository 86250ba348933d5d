#!/usr/bin/env python3
"""Runs operator_bench and prints its results as Markdown tables: the machine's peaks, each group of layers with fused
operators beside oneDNN's, and whole steps by batch size, threads and width of the model.

    operator_tables.py [OPERATOR_BENCH] [--filter REGEX] [--repetitions N] [--seconds N] [--json FILE]

Images come from the folder in $SPOT_TEST_MNIST, else they are synthetic digits. A repeated benchmark counts by its
median.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ("general", "auto", "fast")

Benchmarks = dict[str, dict[str, Any]]


def run(options: argparse.Namespace) -> tuple[dict[str, Any], Benchmarks]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run([options.program, f"--benchmark_filter={options.filter}", f"--benchmark_out={report}",
                        f"--benchmark_repetitions={options.repetitions}", f"--benchmark_min_time={options.seconds}",
                        "--benchmark_report_aggregates_only=true"], check=True, stdout=sys.stderr)
        text = report.read_text()
    if options.json:
        options.json.write_text(text)
    results = json.loads(text)
    # Google Benchmark appends its own settings to the name.
    named = {re.sub(r"/(real_time|manual_time|iterations:\d+)", "", b["run_name"]): b for b in results["benchmarks"]
             if b.get("aggregate_name", "median") == "median"}
    return results["context"], named


def print_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    heads = list(heads)
    print("\n| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def print_peaks(results: Benchmarks) -> None:
    rows = []
    for threads in (1, 2):
        flops = results.get(f"peak/multiply-adds/threads:{threads}")
        memory = results.get(f"peak/memory/threads:{threads}")
        if flops and memory:
            rows.append([str(threads), f"{flops['flops'] / 1e9:.0f}", f"{memory['bytes'] / 1e9:.0f}"])
    if rows:
        print_table(["threads", "fp32 multiply-adds, GFLOP/s", "memory, a = b + f · c, GB/s"], rows)


def print_operators(results: Benchmarks) -> None:
    """One thread. Percentages are of the machine's peaks if every product were computed, for `auto`."""
    names = sorted({name.rpartition("/")[0] for name in results if name.startswith("operator/")},
                   key=list(name.rpartition("/")[0] for name in results).index)
    if not names:
        return
    kernels = [k for k in KERNELS if any(name.endswith("/" + k) for name in results)]
    peak = results.get("peak/multiply-adds/threads:1", {}).get("flops")
    memory = results.get("peak/memory/threads:1", {}).get("bytes")
    rows = []
    for name in names:
        _, network, layers, direction = name.split("/")
        found = {k: results[f"{name}/{k}"] for k in kernels if f"{name}/{k}" in results}
        if len(found) < 2 or max(b["real_time"] for b in found.values()) < 0.05:
            continue
        chosen = found["auto"]
        rows.append([network, layers, direction, *(f"{found[k]['real_time']:.2f}" if k in found else "" for k in kernels),
                     f"{found['general']['real_time'] / chosen['real_time']:.1f}",
                     f"{100 * chosen['dense_flops'] / peak:.0f} %" if peak and chosen["dense_flops"] else "–",
                     f"{100 * chosen['bytes'] / memory:.0f} %" if memory else "–"])
    print_table(["network", "layers", "pass", *(f"{k}, ms" for k in kernels), "general / auto", "auto: of peak FMA",
                 "of peak memory"], rows)


def print_steps(results: Benchmarks) -> None:
    steps: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    for name, result in results.items():
        if name.startswith("step/"):
            _, network, batch, threads, kernels = name.split("/")
            row = (network, batch.removeprefix("batch:"))
            steps.setdefault(row, {})[kernels, threads.removeprefix("threads:")] = result["items_per_second"]
    if not steps:
        return
    columns = [(k, t) for k in KERNELS for t in ("1", "2") if any((k, t) in row for row in steps.values())]
    rows = [[*row, *(f"{values[c]:,.0f}" if c in values else "" for c in columns)] for row, values in steps.items()]
    print_table(["network", "batch", *(f"{k}, {t} thread{'s' * (t != '1')}" for k, t in columns)], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=ROOT / "build/release/tests/bench/operator_bench", type=Path)
    parser.add_argument("--filter", default=".", help="only benchmarks whose name matches")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="least time for one repetition of a step")
    parser.add_argument("--json", type=Path, help="Google Benchmark's own report goes here too")
    options = parser.parse_args()
    context, results = run(options)
    print(f"{context['num_cpus']} processors, {context['dataset']}, load {context['load_avg'][0]:.1f} at the start")
    print_peaks(results)
    print_operators(results)
    print_steps(results)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs rows of the fault tests: see run.sh."""
import argparse
import sys
import time
import traceback

sys.dont_write_bytecode = True
import harness  # noqa: E402
import rows_creation  # noqa: E402
import rows_damage  # noqa: E402
import rows_errors  # noqa: E402
import rows_kill  # noqa: E402
import rows_power  # noqa: E402
import rows_process  # noqa: E402
import rows_signals  # noqa: E402
import rows_streams  # noqa: E402
import rows_writers  # noqa: E402

SKIPPED = 4
FAMILIES = (rows_creation, rows_process, rows_kill, rows_power, rows_errors, rows_damage, rows_writers, rows_streams,
            rows_signals)
ROWS = dict(sorted((name, row) for family in FAMILIES for name, row in family.ROWS.items()))


def run_row(name, options):
    title, function = ROWS[name]
    context = harness.Context(options.build, name, options.seed, options.long)
    print(f"== {name} {title} (seed {options.seed})", flush=True)
    started = time.monotonic()
    failure = None
    try:
        with context.part():
            function(context)
    except harness.Failure as broken:
        failure = broken
    except Exception as unexpected:  # a fault of the test, which is no less a failure
        traceback.print_exc()
        failure = unexpected
    for what, number in context.counts.items():
        print(f"   {number:6} {what}")
    for what in context.controls:
        print(f"   control failed as it must: {what}")
    for what in context.skipped:
        print(f"   skipped: {what}")
    if failure:
        print(f"   FAILED: {failure}\n   replay: tests/fault/run.sh --seed {options.seed} {name}")
    print(f"   {time.monotonic() - started:.1f} s", flush=True)
    return "failed" if failure else "held" if context.counts else "skipped"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="build folder")
    parser.add_argument("--long", action="store_true", help="the same with bigger numbers")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--list", action="store_true", help="the rows")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="numbers as in the table of faults; none: all")
    options = parser.parse_args()
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    if options.list:
        print("\n".join(f"{name} {title}" for name, (title, _) in ROWS.items()))
        return 0
    outcomes = [run_row(name, options) for name in options.rows or ROWS]
    print(f"{outcomes.count('held')} rows held, {outcomes.count('failed')} failed, {outcomes.count('skipped')} skipped")
    if "failed" in outcomes:
        return 1
    return 0 if "held" in outcomes else SKIPPED


if __name__ == "__main__":
    sys.exit(main())

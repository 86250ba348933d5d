#!/usr/bin/env python3
"""Notices of every kind against the real program: exit codes, durability, and the same bytes afterwards."""
import signal
import subprocess

import spotctl

FLAGS = ["--dataset", "synthetic", "--model", "lenet-5", "--optimizer", "adam", "--steps", 400, "--batch-size", 64,
         "--run-id", "run", "--poll-seconds", 0.1]
checks = spotctl.Checks()


def lines_until(process, text):
    """What it prints up to a line with `text`, or to its end."""
    lines = []
    while not lines or (lines[-1] and text not in lines[-1]):
        lines.append(process.stdout.readline())
    return lines


with spotctl.scratch() as folder:
    expected = spotctl.run(spotctl.command(spotctl.new_volume(folder, "whole"), *FLAGS)).last("end")["state_hash"]

    def finish(volume, what, resumes=True):
        """Resumes without interruption and compares."""
        result = spotctl.run(spotctl.command(volume, *FLAGS))
        checks.check(result.code == 0 and result.last("start")["resumed"] == resumes, f"{what}: resumes and finishes")
        checks.check(result.last("end")["state_hash"] == expected, f"{what}: the same bytes as without interruption")

    def check_interrupted(result, what):
        end = result.last("end")
        checks.check(result.code == 75, f"{what}: exit code 75, not {result.code}: {result.err}")
        checks.check(end["reason"] == "interrupted" and end["durable"], f"{what}: interrupted and durable")
        fields = ("step", "test_accuracy", "notice_to_durable_ms", "margin_s", "wall_s", "state_hash")
        checks.check(all(field in end for field in fields) and isinstance(end["step"], int), f"{what}: all fields: {end}")
        if result.last("start"):
            checks.check(end["notice_to_durable_ms"] < 10_000, f"{what}: durable in time")
        else:  # before the first step there is nothing to save
            checks.check(end["step"] == 0 and end["notice_to_durable_ms"] is None, f"{what}: nothing was saved: {end}")
        checks.check(result.last("interruption") is not None, f"{what}: an interruption event")

    # The metadata service's spot notice, at several moments.
    for moment in (0, 0.3, 0.8):
        volume = spotctl.new_volume(folder, f"aws-{moment}")
        with spotctl.metadata_service("--notice-after", moment) as (endpoint, _):
            result = spotctl.run(spotctl.command(volume, *FLAGS, "--metadata-endpoint", endpoint, metadata="aws"))
        check_interrupted(result, f"notice after {moment} s")
        checks.check(100 < result.last("end")["margin_s"] <= 120, "two minutes minus little are left")
        finish(volume, f"notice after {moment} s", any((volume / "checkpoints").glob("ckpt-*.spck")))

    # A token that lives one second only.
    volume = spotctl.new_volume(folder, "token")
    with spotctl.metadata_service("--token-ttl", 1, "--notice-after", 1.5) as (endpoint, _):
        result = spotctl.run(spotctl.command(volume, *FLAGS, "--steps", 100000, "--epochs", 1000,
                                             "--metadata-endpoint", endpoint, metadata="aws"))
    check_interrupted(result, "short-lived token")

    # A rebalance recommendation saves early and trains on.
    volume = spotctl.new_volume(folder, "rebalance")
    with spotctl.metadata_service("--rebalance-after", 0) as (endpoint, _):
        result = spotctl.run(spotctl.command(volume, *FLAGS, "--metadata-endpoint", endpoint, metadata="aws"))
    checks.check(result.code == 0, "a rebalance recommendation does not stop the run")
    checks.check(any(e["event"] == "checkpoint" and e["reason"] == "notice" for e in result.events),
                 "a rebalance recommendation saves early")
    checks.check(result.last("end")["state_hash"] == expected, "rebalance: the same bytes")

    # Signals, and another exit code for schedulers that want one.
    for number, code in ((signal.SIGTERM, 75), (signal.SIGINT, 75), (signal.SIGUSR1, 99)):
        volume = spotctl.new_volume(folder, f"signal-{number}")
        process = subprocess.Popen(
            spotctl.command(volume, *FLAGS, "--interrupted-exit-code", code, "--json-step-seconds", 0),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines_until(process, '"step":20,')
        process.send_signal(number)
        process.communicate(timeout=60)
        checks.check(process.returncode == code, f"{number.name}: exit code {code}, not {process.returncode}")
        finish(volume, number.name)

    # A file that appears.
    volume = spotctl.new_volume(folder, "file")
    process = subprocess.Popen(
        spotctl.command(volume, *FLAGS, "--json-step-seconds", 0, metadata=f"file:{folder}/drain"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = lines_until(process, '"step":20,')
    (folder / "drain").write_text("node is drained")
    out, err = process.communicate(timeout=60)
    check_interrupted(spotctl.Result(process, "".join(first) + out, err), "watched file")
    finish(volume, "watched file")

    # A finished run has nothing left to do.
    again = spotctl.run(spotctl.command(volume, *FLAGS))
    checks.check(again.code == 0 and again.last("end")["step"] == 400, "a finished run ends at once with 0")
    checks.check(not any(e["event"] == "step" for e in again.events), "a finished run trains no step")

    # Any number of threads gives the same bytes.
    for threads in (1, 2, 4):
        volume = spotctl.new_volume(folder, f"threads-{threads}")
        result = spotctl.run(spotctl.command(volume, *FLAGS, "--threads", threads))
        checks.check(result.last("end")["state_hash"] == expected, f"{threads} threads: the same bytes")
checks.exit()

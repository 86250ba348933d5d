#!/usr/bin/env python3
"""Notices of every kind against the real program: exit codes, durability, and the same bytes afterwards."""
import shutil
import signal
import time

import spotctl

FLAGS = ["--dataset", "synthetic", "--model", "lenet-5", "--optimizer", "adam", "--steps", 400, "--batch-size", 64,
         "--run-id", "run", "--poll-seconds", 0.1]
checks = spotctl.Checks()

with spotctl.scratch() as folder:
    whole = spotctl.new_volume(folder, "whole")
    expected = spotctl.run(spotctl.command(whole, *FLAGS)).last("end")["state_hash"]

    def new_volume(name):
        """With the digits on it: drawing them takes longer than the rest of a start."""
        volume = spotctl.new_volume(folder, name)
        shutil.copytree(whole / "datasets", volume / "datasets")
        return volume

    def finish(volume, what, step):
        """Goes on from that step without interruption and compares. At step 0 nothing was saved, nor was it needed."""
        result = spotctl.run(spotctl.command(volume, *FLAGS))
        checks.check(result.code == 0 and result.last("start")["resumed"] == (step > 0), f"{what}: resumes and finishes")
        checks.check(result.last("end")["state_hash"] == expected, f"{what}: the same bytes as without interruption")

    def check_interrupted(result, what):
        end = result.last("end")
        checks.check(result.code == 75, f"{what}: exit code 75, not {result.code}: {result.err}")
        checks.check(end["reason"] == "interrupted" and end["durable"], f"{what}: interrupted and durable")
        fields = ("step", "test_accuracy", "notice_to_durable_ms", "margin_s", "wall_s", "state_hash")
        checks.check(all(field in end for field in fields) and isinstance(end["step"], int), f"{what}: all fields: {end}")
        if end["step"]:
            checks.check(end["notice_to_durable_ms"] < 10_000, f"{what}: durable in time")
        else:  # before the first step there is nothing to save
            checks.check(end["step"] == 0 and end["notice_to_durable_ms"] is None, f"{what}: nothing was saved: {end}")
        checks.check(result.last("interruption") is not None, f"{what}: an interruption event")

    # The metadata service's spot notice, at several moments.
    for moment in (0, 0.3, 0.8):
        volume = new_volume(f"aws-{moment}")
        with spotctl.metadata_service("--notice-after", moment) as (endpoint, _):
            result = spotctl.run(spotctl.command(volume, *FLAGS, "--metadata-endpoint", endpoint, metadata="aws"))
        check_interrupted(result, f"notice after {moment} s")
        end = result.last("end")
        checks.check(not end["step"] or 60 < end["margin_s"] <= 120, "two minutes minus little are left")
        finish(volume, f"notice after {moment} s", end["step"] or 0)

    # A token that lives one second only.
    volume = new_volume("token")
    with spotctl.metadata_service("--token-ttl", 1, "--notice-after", 1.5) as (endpoint, _):
        result = spotctl.run(spotctl.command(volume, *FLAGS, "--steps", 100000, "--epochs", 1000,
                                             "--metadata-endpoint", endpoint, metadata="aws"))
    check_interrupted(result, "short-lived token")

    # A rebalance recommendation saves early and trains on.
    volume = new_volume("rebalance")
    with spotctl.metadata_service("--rebalance-after", 0) as (endpoint, _):
        result = spotctl.run(spotctl.command(volume, *FLAGS, "--metadata-endpoint", endpoint, metadata="aws"))
    checks.check(result.code == 0, "a rebalance recommendation does not stop the run")
    checks.check(any(e["event"] == "checkpoint" and e["reason"] == "notice" for e in result.events),
                 "a rebalance recommendation saves early")
    checks.check(result.last("end")["state_hash"] == expected, "rebalance: the same bytes")

    # Signals, and another exit code for schedulers that want one.
    for number, code in ((signal.SIGTERM, 75), (signal.SIGINT, 75), (signal.SIGUSR1, 99)):
        volume = new_volume(f"signal-{number}")
        with spotctl.start(
                spotctl.command(volume, *FLAGS, "--interrupted-exit-code", code, "--json-step-seconds", 0)) as run:
            run.says('"step":20,')
            run.process.send_signal(number)
            run.end()
        checks.check(run.code == code, f"{number.name}: exit code {code}, not {run}")
        finish(volume, number.name, run.last("end")["step"])

    # A file that appears.
    volume = new_volume("file")
    with spotctl.start(
            spotctl.command(volume, *FLAGS, "--json-step-seconds", 0, metadata=f"file:{folder}/drain")) as run:
        run.says('"step":20,')
        (folder / "drain").write_text("node is drained")
        run.end()
    check_interrupted(run, "watched file")
    finish(volume, "watched file", run.last("end")["step"])

    # With after_durable=wait the process stays, until the notice is withdrawn, or somebody asks it to stop.
    for withdrawn in (True, False):
        volume = new_volume(f"wait-{withdrawn}")
        notice = folder / f"notice-{withdrawn}"
        with spotctl.start(spotctl.command(volume, *FLAGS, "--json-step-seconds", 0, "--after-durable", "wait",
                                           metadata=f"file:{notice}")) as run:
            run.says('"step":20,')
            notice.write_text("preempted")
            checks.check(run.says('"reason":"notice"'), f"wait: it saves: {run.err}")
            time.sleep(0.5)
            checks.check(run.process.poll() is None, f"wait: it stays: {run.err}")
            notice.unlink() if withdrawn else run.process.terminate()
            run.end()
        end = run.last("end")
        if withdrawn:
            checks.check(run.code == 0 and end["state_hash"] == expected, f"withdrawn: the same bytes: {run}")
        else:
            check_interrupted(run, "wait, then asked to stop")
            finish(volume, "wait, then asked to stop", end["step"])

    # A finished run has nothing left to do.
    again = spotctl.run(spotctl.command(volume, *FLAGS))
    checks.check(again.code == 0 and again.last("end")["step"] == 400, "a finished run ends at once with 0")
    checks.check(not any(e["event"] == "step" for e in again.events), "a finished run trains no step")

    # Any number of threads gives the same bytes.
    for threads in (1, 2, 4):
        volume = new_volume(f"threads-{threads}")
        result = spotctl.run(spotctl.command(volume, *FLAGS, "--threads", threads))
        checks.check(result.last("end")["state_hash"] == expected, f"{threads} threads: the same bytes")
checks.exit()

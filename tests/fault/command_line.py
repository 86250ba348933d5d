#!/usr/bin/env python3
"""The command line itself: help of every command, which setting counts, the fixed JSON."""
import json
import os

import spotctl

checks = spotctl.Checks()
QUICK = ["--dataset", "synthetic", "--model", "lenet-5", "--steps", 2, "--quiet"]

COMMANDS = ["train", "watch", "simulate", "simulate aws", "eval", "predict", "inspect", "verify", "export", "bench",
            "config", "version", "completion"]
for command in COMMANDS:
    result = spotctl.run([spotctl.SPOTCTL, *command.split(), "--help"])
    checks.check(result.code == 0 and "Usage:" in result.out and not result.err, f"{command} --help: {result.err}")
checks.check(all(command.split()[0] in spotctl.run([spotctl.SPOTCTL, "--help"]).out for command in COMMANDS),
             "--help lists every command")
checks.check(spotctl.run([spotctl.SPOTCTL, "no-such-command"]).code == 64, "an unknown command is wrong usage")

# Every key is a flag of train, and each is explained.
keys = json.loads(spotctl.run([spotctl.SPOTCTL, "config", "--json"]).out)
help_text = spotctl.run([spotctl.SPOTCTL, "train", "--help"]).out
for key in keys:
    checks.check("--" + key["name"].replace("_", "-") in help_text, f"{key['name']} is a flag of train")
    checks.check(len(key["help"]) > 10, f"{key['name']} is explained")

version = json.loads(spotctl.run([spotctl.SPOTCTL, "version", "--json"]).out)
checks.check(version["version"].count(".") == 2, f"version: {version}")

with spotctl.scratch() as folder:
    # Flag before --set before environment before file before default: each stage adds one stronger source.
    file = folder / "settings.toml"
    file.write_text("seed = 11\n")
    stages = [("the default", [], {}, 1), ("the file", ["--config", file], {}, 11),
              ("the environment", ["--config", file], {"SPOT_SEED": "12"}, 12),
              ("--set", ["--config", file, "--set", "seed=13"], {"SPOT_SEED": "12"}, 13),
              ("the flag", ["--config", file, "--set", "seed=13", "--seed", 14], {"SPOT_SEED": "12"}, 14)]
    for number, (source, flags, environment, seed) in enumerate(stages):
        volume = spotctl.new_volume(folder, f"stage-{number}")
        result = spotctl.run(spotctl.command(volume, *QUICK, *flags), env=environment)
        checks.check(result.code == 0, f"{source}: {result.err}")
        described = json.loads(spotctl.run([spotctl.SPOTCTL, "inspect", "--json", str(volume)]).out)
        checks.check(described["config"]["seed"] in (seed, str(seed)), f"{source} counts: {described['config']['seed']}")

    # The fields that scripts may rely on.
    volume = spotctl.new_volume(folder, "fields")
    result = spotctl.run(spotctl.command(volume, *QUICK[:4], "--epochs", 1, "--batch-size", 256, "--quiet"))
    for event, fields in {"start": "resumed step run_id state_hash", "end": "reason step test_accuracy "
                          "notice_to_durable_ms margin_s wall_s state_hash", "epoch": "epoch step train_loss test_loss "
                          "test_accuracy", "checkpoint": "reason step path stall_ms durable_ms bytes",
                          "step": "step epoch loss accuracy samples_per_second"}.items():
        checks.check(result.last(event) and all(f in result.last(event) for f in fields.split()), f"fields of {event}")
    hash_at_end = result.last("end")["state_hash"]
    described = json.loads(spotctl.run([spotctl.SPOTCTL, "inspect", "--json", str(volume)]).out)
    for field in "path valid step epoch generation run_id state_hash model config tensors".split():
        checks.check(field in described, f"inspect has '{field}'")
    checks.check(described["state_hash"] == hash_at_end, "inspect shows the hash of the end")

    # What was trained can be evaluated, exported and used.
    evaluation = json.loads(spotctl.run([spotctl.SPOTCTL, "eval", "--json", "--dataset", "synthetic",
                                         "--volume", str(volume)]).out)
    checks.check(evaluation["accuracy"] == result.last("end")["test_accuracy"], f"eval: {evaluation}")
    export = spotctl.run([spotctl.SPOTCTL, "export", str(volume), "--output", str(folder / "out")])
    checks.check(export.code == 0 and any(folder.glob("out*")), f"export: {export.err}")
checks.exit()

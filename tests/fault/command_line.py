#!/usr/bin/env python3
"""The command line itself: help of every command, which setting counts, the fixed JSON."""
import json
import os

import spotctl

checks = spotctl.Checks()
QUICK = ["--dataset", "synthetic", "--model", "lenet-5", "--steps", 2, "--quiet"]

COMMANDS = ["train", "watch", "simulate", "simulate aws", "simulate gcp",
            "simulate azure", "simulate alibaba", "simulate tencent", "eval", "predict", "inspect", "verify", "export", "bench", "plan",
            "config", "doctor", "version", "completion"]
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
usable = {backend["name"]: backend["usable"] for backend in version["backends"]}
checks.check(usable.get("cpu") is True and "cuda" in usable, f"version lists the engines: {version['backends']}")


def doctor(volume, *flags, **environment):
    """Its exit code, and each check's status and detail."""
    result = spotctl.run([spotctl.SPOTCTL, "doctor", "--json", "--volume", str(volume), "--dataset", "synthetic", "--model",
                          "lenet-5", *map(str, flags)], env=environment)
    lines = [json.loads(line) for line in result.out.splitlines()]
    checks.check(all(set(line) == {"check", "status", "detail"} for line in lines), f"fields of doctor: {lines}")
    checks.check(not result.err, f"doctor says all on stdout: {result.err}")
    return result.code, {line["check"]: (line["status"], line["detail"]) for line in lines}


with spotctl.scratch() as folder:
    volume = spotctl.new_volume(folder, "volume")
    code, found = doctor(volume, "--metadata", "none")
    checks.check(code == 0, f"doctor on a fit machine: {code}, {found}")
    checks.check(list(found) == ["version", "device cpu", "device cuda", "threads", "volume", "checkpoints", "run", "commit",
                                 "room", "metadata"],
                 f"what doctor checks: {list(found)}")
    checks.check(found["run"][0] == "ok" and "lenet-5" in found["run"][1], f"doctor tries the run: {found['run']}")
    checks.check("GiB free" in found["volume"][1], f"doctor measures the volume: {found['volume']}")
    checks.check("none yet" in found["checkpoints"][1], f"doctor finds no checkpoints: {found['checkpoints']}")
    checks.check([p.name for p in volume.iterdir() if p.name.startswith(".")] == [], "doctor leaves nothing behind")
    text = spotctl.run([spotctl.SPOTCTL, "doctor", "--volume", str(volume), *QUICK[:4], "--metadata", "none"]).out
    checks.check(len(text.splitlines()) == len(found), f"a line for each check: {text}")
    if not usable["cuda"]:
        code, found = doctor(volume, "--metadata", "none", "--device", "cuda")
        checks.check(code == 64 and found["device cuda"][0] == "fail", f"doctor refuses a device: {code}, {found}")
        checks.check(found["run"][0] == "fail" and "cuda" in found["run"][1], f"doctor refuses the run: {found['run']}")

    code, found = doctor(folder / "nowhere", "--metadata", "none")
    checks.check(code == 74 and found["volume"][0] == "fail" and "does not exist" in found["volume"][1],
                 f"doctor misses the volume: {code}, {found}")
    checks.check("run" not in found, "doctor tries no run without a volume")
    code, found = doctor(volume, "--metadata", "none", "--dataset", folder / "none")
    checks.check(code == 74 and found["run"][0] == "fail", f"doctor misses the dataset: {code}, {found}")
    with spotctl.metadata_service() as (endpoint, _):
        code, found = doctor(volume, "--metadata", "aws", "--metadata-endpoint", endpoint)
        checks.check(code == 0 and found["metadata"][0] == "ok", f"doctor asks the metadata service: {found['metadata']}")
    code, found = doctor(volume, "--metadata", "aws", "--metadata-endpoint", "http://127.0.0.1:9")
    checks.check(code == 69 and found["metadata"][0] == "fail", f"doctor misses the service: {code}, {found}")

    # Who asks for the CPU loads nothing of a GPU's.
    for device, opens in (("cpu", False), ("auto", True)):
        traced = spotctl.run(spotctl.command(volume, *QUICK, "--device", device), env={"LD_DEBUG": "files"})
        opened = "libspot_trainer_cuda" in traced.err or "libcuda.so" in traced.err
        checks.check(opened == opens, f"{device} looks for a GPU: {opened}")

    code, found = doctor(volume, "--metadata", "none")
    checks.check("goes on from step 2" in found["checkpoints"][1], f"doctor finds the checkpoint: {found['checkpoints']}")
    for file in (volume / "checkpoints").glob("ckpt-*"):
        file.write_bytes(file.read_bytes()[:-7])
    code, found = doctor(volume, "--metadata", "none")
    checks.check(code == 65 and found["checkpoints"][0] == "fail", f"doctor sees the damage: {code}, {found}")

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

#!/usr/bin/env python3
"""Wrong words on the command line and unfit files for every command: the exit code that is meant, one plain line."""
import gzip
import json
import os
import subprocess

import spotctl

checks = spotctl.Checks()
# What shows that an exception of a library came through.
RAW = ("basic_", "std::", "json.exception", "filesystem error", "terminate", "what()", "regex_error")


def says(what, arguments, code, *words, **more):
    result = spotctl.run([spotctl.SPOTCTL, *map(str, arguments)], **more)
    lines = [line for line in result.err.splitlines() if line.startswith("spotctl: error: ")]
    checks.check(result.code == code, f"{what}: exit code {code}, not {result.code}: {result.err}")
    checks.check(len(lines) == 1 and len(lines[0]) < 600, f"{what}: one line: {result.err}")
    checks.check(not any(raw in result.err for raw in RAW), f"{what}: in words of our own: {result.err}")
    for word in words:
        checks.check(word in result.err, f"{what}: '{word}' is said: {result.err}")


# Words.
says("nothing", [], 64, "no command", "--help")
for typed, meant in {"trian": "train", "evaluate": "eval", "pred": "predict", "verfy": "verify", "fit": "train"}.items():
    says(typed, [typed], 64, f"'{typed}'", f"'{meant}'", "spotctl --help")
says("a command of nothing like it", ["zzzzzz"], 64, "'zzzzzz'")
says("a cloud that is not simulated", ["simulate", "awss"], 64, "'awss'", "'aws'", "spotctl simulate --help")
for typed, meant in {"--epoch": "--epochs", "--lr": "--learning-rate", "--bs": "--batch-size", "-epochs": "--epochs",
                     "--optimiser": "--optimizer", "--batch_size": "--batch-size", "--data": "--dataset"}.items():
    says(typed, ["train", typed, 3], 64, f"'{typed}'", f"'{meant}'", "spotctl train --help")
says("a flag with its value", ["train", "--epoch=3"], 64, "'--epoch'", "'--epochs'")
says("a flag before the command", ["--json", "train"], 64, "--json", "behind")
says("a flag without its value", ["train", "--seed"], 64, "'--seed'", "needs a value")
says("a word too many", ["train", "fast"], 64, "'fast'")
says("--set of another program's key", ["train", "--set", "lr=0.1"], 64, "'lr'", "'learning_rate'")
says("a choice", ["eval", "--split", "tset"], 64, "--split", "'tset'", "validation")
says("a port", ["simulate", "aws", "--port", "abc"], 64, "--port", "'abc'", "0 to 65535")
says("a negative number", ["train", "--seed", "-5"], 64, "--seed", "'-5'")
says("a missing file name", ["predict"], 64, "missing", "spotctl predict --help")
says("a shell", ["completion", "tcsh"], 64, "'tcsh'", "fish")
says("help of no command", ["help", "trian"], 64, "'trian'", "'train'")

version = spotctl.run([spotctl.SPOTCTL, "version"]).out.split()
for flag in ("--version", "-V"):
    result = spotctl.run([spotctl.SPOTCTL, flag])
    checks.check(result.code == 0 and result.out.startswith("spotctl ") and result.out.split()[1].strip(",") in
                 " ".join(version), f"{flag}: {result.out}")
result = spotctl.run([spotctl.SPOTCTL, "help"])
checks.check(result.code == 0 and "doctor" in result.out and "Exit codes" in result.out, f"help: {result.out[:200]}")
for command in ("train", "simulate aws"):
    result = spotctl.run([spotctl.SPOTCTL, "help", *command.split()])
    checks.check(result.code == 0 and f"Usage: spotctl {command}" in result.out, f"help {command}: {result.out[:200]}")
result = spotctl.run([spotctl.SPOTCTL, "watch", "--json", "--once", "--metadata", f"file:{os.path.abspath(__file__)}",
                      "--poll-seconds", "0.05"], timeout=60)
checks.check(result.code == 0 and json.loads(result.out.splitlines()[0])["event"] == "notice", f"watch --json: {result.err}")

TRAIN = ["train", "--metadata", "none", "--dataset", "synthetic", "--volume", "/no/such/volume"]
for flags in (["--takeover"], ["--takeover", "true"], ["--takeover=false"], ["--no-takeover"], ["--takeover", "--quiet"]):
    says(" ".join(flags), [*TRAIN, *flags], 74, "/no/such/volume")
says("--takeover=maybe", [*TRAIN, "--takeover=maybe"], 64, "--takeover", "'maybe'")

with spotctl.scratch() as folder:
    volume = spotctl.new_volume(folder, "volume")
    result = spotctl.run(spotctl.command(volume, "--dataset", "synthetic", "--model", "lenet-5", "--steps", 2, "-q"))
    checks.check(result.code == 0, f"a run to look at: {result.err}")
    checks.check(" nan" not in result.err, f"nothing is not a number: {result.err}")

    files = {"empty": b"", "text.png": b"hello world, this is text", "zipped.gz": gzip.compress(b"x" * 900),
             "cut.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "short.idx": b"\0\0\x08\x03\0\0\0\1", "photo.jpg": b"\xff\xd8\xff\xe0" * 9,
             "huge.pgm": b"P5 999999 999999 255\n", "other.idx": b"\0\0\x08\x03" + (1).to_bytes(4, "big") +
             (3).to_bytes(4, "big") * 2 + b"x" * 9}
    for name, content in files.items():
        (folder / name).write_bytes(content)
        says(f"predict {name}", ["predict", "--volume", volume, folder / name], 65, name)
        says(f"inspect {name}", ["inspect", folder / name], 65, name)
        says(f"export {name}", ["export", folder / name, "--output", folder / "out"], 65, name)
        says(f"eval {name}", ["eval", "--checkpoint", folder / name], 65, name)
    says("predict of gzip", ["predict", "--volume", volume, folder / "zipped.gz"], 65, "gzip")

    missing, long_name, latin = folder / "missing", "x" * 300, os.fsencode(folder) + b"/gr\xfc\xdf"
    for path, word in ((folder, "folder"), (missing, "does not exist"), (long_name, "too long")):
        says(f"predict of what is no file: {word}", ["predict", "--volume", volume, path], 74, word)
    for command in ("inspect", "verify"):
        says(f"{command} of nothing", [command, missing], 74, "missing")
        says(f"{command} of an empty folder", [command, spotctl.new_volume(folder, "empty-" + command)], 74, "no checkpoint")
        says(f"{command} of a name too long", [command, long_name], 74, "too long")
        found = subprocess.run([spotctl.SPOTCTL, command, latin], capture_output=True, check=False)
        checks.check(found.returncode == 74 and not any(raw.encode() in found.stderr for raw in RAW),
                     f"{command} of a Latin-1 name: {found.stderr}")
    says("export to nowhere", ["export", volume, "--output", folder / "no" / "where"], 74, "/no'", "does not exist")
    says("export of nothing", ["export", missing, "--output", folder / "out"], 74, "missing")
    says("eval without a volume", ["eval", "--volume", missing], 74, "missing")
    says("eval of a split that is not there", ["eval", "--volume", volume, "--dataset", "synthetic", "--split",
                                               "validation"], 64, "validation_size")
    says("a volume that is a file", ["eval", "--volume", folder / "empty"], 65, "empty")

    here = ["train", "--metadata", "none", "--dataset", "synthetic", "--volume", volume, "--model"]
    says("a model that is no JSON", [*here, " {json"], 65, "JSON")
    says("a model's file that is a folder", [*here, folder], 74, str(folder))
    says("a model's file that is empty", [*here, folder / "empty"], 65, "empty")
    says("a model's name too long", [*here, long_name], 74, "too long")
    says("a model of no name", [*here, ""], 65, "model")
    says("a model of a huge layer", [*here, '{"layers":[{"type":"flatten"},{"type":"dense","units":99999999999}]}'], 65)
    says("a run that is read-only", [*here, "lenet-5", "--volume-access", "read-only"], 64, "volume_access")
    says("an endpoint that is none", ["watch", "--metadata", "aws", "--metadata-endpoint", "no url"], 64, "no url")
    says("a host that is no address", ["simulate", "aws", "--host", "999.1.1.1"], 64, "999.1.1.1", "IPv4")
    says("another machine's address", ["simulate", "aws", "--host", "192.0.2.1"], 69, "192.0.2.1")

    # Without a network: what became of it, why and what to do, once.
    nowhere = {"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    result = spotctl.run(spotctl.command(spotctl.new_volume(folder, "offline"), "--model", "lenet-5", "--steps", 2), env=nowhere)
    warned = [line for line in result.err.splitlines() if "warning" in line]
    checks.check(result.code == 0 and len(warned) == 1 and len(warned[0]) < 300, f"one warning: {warned}")
    checks.check("connect" not in result.err, f"no details unless asked: {result.err}")
    result = spotctl.run(spotctl.command(spotctl.new_volume(folder, "refused"), "--dataset", "mnist"), env=nowhere)
    checks.check(result.code == 69 and result.err.count("Couldn't connect") <= 1 and "dataset_mirrors" in result.err,
                 f"the reason once: {result.err}")

    # Nobody asked for a card that this machine has not.
    result = spotctl.run(spotctl.command(volume, "--dataset", "synthetic", "--model", "lenet-5", "--steps", 4))
    if not os.path.exists("/proc/driver/nvidia"):
        checks.check("cuda" not in result.err, f"no word of cuda: {result.err}")
checks.exit()

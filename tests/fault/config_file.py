#!/usr/bin/env python3
"""Settings from a TOML file and from the environment: what is read, what is refused, and where from it is said to come."""
import json
import os
import signal
import subprocess
import threading
import time

import spotctl

checks = spotctl.Checks()
# Settings are read before the volume is looked for: 74 means that all of them were accepted.
NO_VOLUME = [spotctl.SPOTCTL, "train", "--metadata", "none", "--volume", "/no/such/volume"]
ACCEPTED, REFUSED = 74, 64


def says(what, result, code, *words):
    errors = [line for line in result.err.splitlines() if line.startswith("spotctl: error: ")]
    checks.check(result.code == code, f"{what}: exit code {code}, not {result.code}: {result.err}")
    checks.check(len(errors) == 1, f"{what}: one line: {result.err}")
    for word in words:
        checks.check(word in result.err, f"{what}: '{word}' is said: {result.err}")


with spotctl.scratch() as folder:
    file = folder / "settings.toml"

    def with_text(text, *flags, **environment):
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return spotctl.run([*NO_VOLUME, "--config", str(file), *flags], env=environment)

    # Every form of TOML 1.0 that a value of a key may have.
    volume = spotctl.new_volume(folder, "volume")
    file.write_bytes('''# settings
batch_size = 1_024   # a comment behind a value
steps = 0x2
epochs = +7
"seed" = 0b101
learning_rate = 5e-1
run_id = "build-42"
code_version = "build#42 \\u00fc \\"x\\""
dataset = 'synthetic'
model = """
{"layers": [{"type": "flatten"},
            {"type": "dense", "units": 10}]}"""
nesterov = false
checkpoint_seconds = 5
'''.replace("\n", "\r\n").encode("utf-8-sig"))
    result = spotctl.run(spotctl.command(volume, "--config", file, "--quiet"))
    checks.check(result.code == 0, f"a file of every form trains: {result.err}")
    inspected = spotctl.run([spotctl.SPOTCTL, "inspect", "--json", str(volume)])
    found = json.loads(inspected.out)["config"] if inspected.code == 0 else {}
    for key, value in {"batch_size": 1024, "steps": 2, "epochs": 7, "seed": 5, "learning_rate": 0.5, "run_id": "build-42",
                       "code_version": 'build#42 ü "x"', "nesterov": False, "checkpoint_seconds": 5}.items():
        checks.check(found.get(key) == value, f"{key} is read as {found.get(key)!r}, not {value!r}")

    # What is no file, or no TOML.
    says("a folder", spotctl.run([*NO_VOLUME, "--config", str(folder)]), REFUSED, str(folder), "is a folder")
    says("a missing file", spotctl.run([*NO_VOLUME, "--config", "none.toml"]), REFUSED, "none.toml", "does not exist")
    says("an empty name", spotctl.run([*NO_VOLUME, "--config", ""]), REFUSED, "configuration file ''")
    if os.geteuid() != 0:
        file.write_text("")
        file.chmod(0)
        says("an unreadable file", spotctl.run([*NO_VOLUME, "--config", str(file)]), REFUSED, "Permission denied")
        file.chmod(0o600)
    says("an empty file", with_text(""), ACCEPTED)
    at = f"{file}:"
    says("a key twice", with_text("seed = 1\nmodel = 'mlp'\n\nseed = 2\n"), REFUSED, at + "4", "'seed'", "line 1")
    says("a key twice in other quotes", with_text("'seed' = 1\nseed = 1\n"), REFUSED, at + "2", "line 1")
    says("a table", with_text("\n[spot]\nseed = 1\n"), REFUSED, at + "2", "'spot'", "table")
    says("a dotted key", with_text("a.b = 1\n"), REFUSED, at + "1", "'a'")
    says("an array", with_text("dataset_mirrors = ['x']\n"), REFUSED, at + "1", "array")
    says("a date", with_text("seed = 2026-01-01\n"), REFUSED, at + "1", "date")
    says("a word without quotes", with_text("seed = 1\nmodel = mlp\n"), REFUSED, at + "2", "quotes")
    says("a torn text", with_text('seed = 1\nmodel = "mlp\nsteps = 2\n'), REFUSED, at + "2")
    says("a number too large", with_text("seed = 99999999999999999999\n"), REFUSED, at + "1")
    says("a Latin-1 text", with_text(b"# f\xfcnf\nseed = 1\n"), REFUSED, at + "1", "utf-8")
    says("UTF-16", with_text("seed = 1\n".encode("utf-16")), REFUSED, at + "1")
    says("a colon", with_text("seed: 1\n"), REFUSED, at + "1", "'='")

    says("a NUL in a text", with_text('seed = 1\nrun_id = "a\\u0000b"\n'), REFUSED, at + "2", "'run_id'", "NUL")
    says("a NUL in a key", with_text('"volume\\u0000x" = "/y"\n'), REFUSED, at + "1", "'volume'", "NUL")

    # A pipe, which can be read once only.
    def from_pipe(*command):
        read, write = os.pipe()
        with os.fdopen(write, "w") as writer:
            writer.write("dataset = '/no/such/data'\nvolume = '/no/such/volume'\n")
        try:
            done = subprocess.run([spotctl.SPOTCTL, *command, "--config", f"/dev/fd/{read}"], pass_fds=[read], timeout=60,
                                  capture_output=True, text=True, check=False)
        finally:
            os.close(read)
        return done

    for command in ("train", "eval", "predict /no/image", "doctor --metadata none"):
        done = from_pipe(*command.split())
        checks.check(done.returncode == 74 and "/no/" in done.stdout + done.stderr, f"{command} --config PIPE: {done}")
    done = from_pipe("config")
    checks.check(done.returncode == 0 and "now /no/such/volume" in done.stdout, f"config --config PIPE: {done.stderr}")
    done = from_pipe("eval", "--volume", volume)
    checks.check(done.returncode == 74 and "/no/such/data" in done.stderr, f"eval takes the dataset from a pipe: {done.stderr}")

    # A pipe that nobody writes to holds up no signal.
    os.mkfifo(folder / "fifo")
    for command in (["train", "--metadata", "none"], ["watch"], ["eval"]):
        with subprocess.Popen([spotctl.SPOTCTL, *command, "--config", folder / "fifo"], stderr=subprocess.PIPE) as process:
            time.sleep(0.5)
            waits = process.poll() is None
            process.terminate()
            try:
                ended = process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                ended = "not ended"
        checks.check(waits and ended in (75, -signal.SIGTERM), f"{command[0]} --config FIFO: {waits}, {ended}")
    writer = threading.Thread(target=lambda: (folder / "fifo").write_text("volume = '/no/such/volume'\n"), daemon=True)
    writer.start()
    done = spotctl.run([spotctl.SPOTCTL, "train", "--metadata", "none", "--config", str(folder / "fifo")], timeout=60)
    checks.check(done.code == 74 and "/no/such/volume" in done.err, f"what comes from a FIFO is read: {done.err}")

    # Values that do not fit their keys.
    says("a text for a number", with_text('seed = 1\nbatch_size = "64"\n'), REFUSED, at + "2", "batch_size", "1 to 65536",
         "without quotes")
    says("a number for a text", with_text("run_id = 7\n"), REFUSED, at + "1", "run_id", "in quotes")
    says("a fraction for an integer", with_text("epochs = 1.5\n"), REFUSED, at + "1", "epochs", "integer")
    says("true for a number", with_text("batch_size = true\n"), REFUSED, at + "1", "batch_size", "boolean")
    says("a number for true", with_text("takeover = 1\n"), REFUSED, at + "1", "takeover", "true|false")
    says("out of bounds", with_text("\n\nkeep_last = 1\n"), REFUSED, at + "3", "keep_last", "2 to 1000000")
    says("not a number", with_text("learning_rate = nan\n"), REFUSED, at + "1", "learning_rate")
    says("no choice", with_text("optimizer = 'sdg'\n"), REFUSED, at + "1", "optimizer", "sgd|adam")
    says("an unknown key", with_text("seed = 1\nbatchsize = 3\n"), REFUSED, at + "2", "'batchsize'", "'batch_size'")
    says("another program's key", with_text("lr = 0.1\n"), REFUSED, at + "1", "'lr'", "'learning_rate'")
    says("a key with dashes", with_text("batch-size = 3\n"), REFUSED, at + "1", "'batch_size'")
    says("an integer for a number", with_text("learning_rate = 1\n"), ACCEPTED)

    # The environment.
    says("an empty variable is unset", with_text("seed = 1\n", SPOT_BATCH_SIZE="", SPOT_RECIPE=" \r"), ACCEPTED)
    says("white space is dropped", with_text("seed = 1\n", SPOT_BATCH_SIZE=" 7\r\n", SPOT_OPTIMIZER="adam\t"), ACCEPTED)
    says("a variable's value", with_text("", SPOT_BATCH_SIZE="7x"), REFUSED, "SPOT_BATCH_SIZE", "'7x'", "1 to 65536")
    says("a variable seen late", spotctl.run([spotctl.SPOTCTL, "train", "--metadata", "none"],
                                             env={"SPOT_VOLUME": "/no/such/volume"}), 74, "SPOT_VOLUME")
    says("a flag's value", with_text("", "--batch-size", "0"), REFUSED, "--batch-size", "'0'")
    says("a value of --set", with_text("", "--set", "batch_size=0"), REFUSED, "--set batch_size", "'0'")
    says("--set without a value", with_text("", "--set", "batch_size"), REFUSED, "--set batch_size", "key=value")

    def warnings(**environment):
        return [line for line in with_text("", **environment).err.splitlines() if "warning: the variable" in line]

    for variable, meant in {"SPOT_BATCHSIZE": "SPOT_BATCH_SIZE", "SPOT_LR": "SPOT_LEARNING_RATE",
                            "spot_seed": "SPOT_SEED", "SPOT_EPOCH": "SPOT_EPOCHS"}.items():
        told = warnings(**{variable: "7"})
        checks.check(len(told) == 1 and variable in told[0] and meant in told[0], f"{variable} is warned of: {told}")
    told = warnings(SPOT_TEST_MNIST="x", SPOT_INSTANCE_KEY_NAME="x", SPOT_SEED="7", SPOTTED="x")
    checks.check(not told, f"what is not misspelt is not warned of: {told}")
checks.exit()

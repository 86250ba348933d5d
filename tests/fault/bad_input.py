#!/usr/bin/env python3
"""Bad input of every kind: one clear line, the right exit code, nothing lost."""
import gzip
import hashlib
import http.server
import os
import pathlib
import threading

import spotctl
from idx import idx

checks = spotctl.Checks()
BASE = ["--dataset", "synthetic", "--model", "lenet-5", "--steps", 3, "--optimizer", "adam"]


def refused(what, result, code, *words):
    """The run ended with `code` and its last line on stderr is one error that holds all the words."""
    errors = [line for line in result.err.splitlines() if line.startswith("spotctl: error: ")]
    checks.check(result.code == code, f"{what}: exit code {code}, not {result.code}: {result.err}")
    checks.check(len(errors) == 1, f"{what}: exactly one error line: {errors}")
    for word in words:
        checks.check(errors and word in errors[-1], f"{what}: '{word}' is named: {errors}")


def contents(folder):
    """The checkpoints; each process that opens a volume has a folder of its own beside them."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("ckpt-*"))}


def dataset_files(count=40):
    images = bytes(range(256)) * 4
    return {f"{split}-{name}": data for split in ("train", "t10k") for name, data in (
        ("images-idx3-ubyte", idx([count, 28, 28], (images * (count + 1))[:count * 784])),
        ("labels-idx1-ubyte", idx([count], bytes(i % 10 for i in range(count)))))}


with spotctl.scratch() as folder:
    volume = spotctl.new_volume(folder, "volume")

    def train(*flags, on=volume, **more):
        return spotctl.run(spotctl.command(on, *BASE, *flags), **more)

    # Usage and configuration.
    refused("unknown key", train("--set", "batch_sise=3"), 64, "batch_sise", "batch_size")
    refused("out of bounds", train("--batch-size", 0), 64, "batch_size", "'0'", "1 to 65536")
    refused("no number", train("--set", "epochs=many"), 64, "epochs", "many")
    refused("unknown choice", train("--optimizer", "sdg"), 64, "optimizer", "sgd|adam")
    refused("unknown metadata", train("--metadata", "azur"), 64, "azur", "aws")
    refused("unknown flag", train("--no-such-flag"), 64, "--no-such-flag")
    refused("no device", train("--device", "cuda"), 64, "cuda")
    (folder / "bad.toml").write_text("no_such_key = 1\n")
    refused("unknown key in a file", train("--config", folder / "bad.toml"), 64, "no_such_key")
    refused("no file", train("--config", folder / "none.toml"), 64, "none.toml")

    # Volume.
    refused("missing volume", train(on=folder / "nowhere"), 74, "nowhere", "does not exist")
    (folder / "file").write_text("")
    refused("volume is a file", train(on=folder / "file"), 74, "file", "not a folder")
    refused("volume not mounted", train("--volume-must-be-mounted", "true"), 74, "mounted")
    blocked = spotctl.new_volume(folder, "blocked")
    (blocked / "checkpoints").write_text("")
    refused("volume cannot be used", train(on=blocked), 74, "checkpoints")

    # Models.
    refused("unknown model", train("--model", "resnet"), 65, "resnet", "keras-cnn")
    (folder / "model.json").write_text('{"layers":[{"type":"conv2d","filters":4,"kernel":99}]}')
    refused("impossible model", train("--model", folder / "model.json"), 65, "conv1", "99")

    # Datasets.
    def with_dataset(change, what, *words, code=65):
        data = folder / ("data-" + what.replace(" ", "-"))
        data.mkdir()
        files = dataset_files()
        change(files)
        for name, content in files.items():
            (data / name).write_bytes(content)
        refused(what, train("--dataset", data), code, *words)

    def replace(name, content):
        return lambda files: files.__setitem__(name, content)

    images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    good = dataset_files()
    with_dataset(replace(images, good[images][:-1]), "truncated IDX", images, "cut off")
    with_dataset(replace(images, good[images] + b"x"), "trailing bytes", images, "follow")
    with_dataset(replace(images, b"\1" + good[images][1:]), "wrong magic", images)
    with_dataset(replace(images, good[labels]), "exchanged files", images, "exchanged")
    with_dataset(replace(images, idx([2**31, 2**31, 2**31], b"x")), "absurd size", images)
    with_dataset(replace(labels, idx([39], bytes(39))), "counts differ", images, labels)
    with_dataset(replace(images, b"<!DOCTYPE html><html>Sign in</html>"), "web page as IDX", images, "web page")
    with_dataset(lambda files: files.pop(labels), "missing file", labels, code=74)
    zipped = gzip.compress(good[images])
    def zip_images(content):
        return lambda files: (files.pop(images), files.__setitem__(images + ".gz", content))
    with_dataset(zip_images(zipped[:-20]), "truncated gzip", images + ".gz", "cut off")
    with_dataset(zip_images(zipped[:50] + b"\xff\xff\xff" + zipped[53:]), "damaged gzip", images + ".gz")
    refused("unknown dataset", train("--dataset", "minst"), 74, "minst")

    # Download: a server that sends a web page, then none at all. (No request may leave this machine.)
    class WebPage(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Sign in</html>")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WebPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}/"
    nowhere = {"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}
    result = train("--dataset", "mnist", "--dataset-mirrors", here, env=nowhere)
    refused("web page instead of a dataset", result, 69, here, "no gzip file")
    server.shutdown()
    result = train("--dataset", "mnist", env=nowhere)
    refused("no network", result, 69, "train-images-idx3-ubyte", "network")
    result = spotctl.run(spotctl.command(volume, "--model", "lenet-5", "--steps", 2, "--optimizer", "adam"), env=nowhere)
    checks.check(result.code == 0 and "SYNTHETIC" in result.err, "auto falls back to synthetic digits, loudly")

    # Checkpoints.
    def volume_with_run(name, *flags):
        fresh = spotctl.new_volume(folder, name)
        result = train("--steps", 9, "--checkpoint-steps", 3, *flags, on=fresh)
        checks.check(result.code == 0, f"the run on '{name}' is good: {result.err}")
        return fresh, sorted((fresh / "checkpoints").glob("*.spck"))

    one, files = volume_with_run("one")
    before = contents(one / "checkpoints")
    longer = ["--steps", 12, "--checkpoint-steps", 3]
    refused("another model", train("--model", "mlp", *longer, on=one), 65, "model")
    refused("another batch size", train("--batch-size", 32, *longer, on=one), 65, "batch_size", "128", "32")
    refused("another seed", train("--seed", 5, *longer, on=one), 65, "seed")
    data = folder / "other-data"
    data.mkdir()
    for name, content in dataset_files(400).items():
        (data / name).write_bytes(content)
    refused("another dataset", train("--dataset", data, *longer, on=one), 65, "dataset")
    checks.check(contents(one / "checkpoints") == before, "refusals change no checkpoint")
    result = train(*longer, on=one)
    checks.check(result.code == 0 and result.last("start")["step"] == 9, "more steps than before are welcome")

    two, files = volume_with_run("two")
    with open(files[-1], "r+b") as file:
        file.seek(1000)
        file.write(b"\xff\x00\xff")
    result = train(*longer, on=two)
    checks.check(result.code == 0 and result.last("start")["step"] == 6,
                 f"a corrupt checkpoint falls back to the one before: {result.last('start')}")
    checks.check(os.path.exists(str(files[-1]) + ".corrupt"), "the corrupt checkpoint is set aside")

    three, files = volume_with_run("three")
    for file in files:
        os.truncate(file, 5000)
    before = contents(three / "checkpoints")
    refused("all checkpoints corrupt", train(*longer, on=three), 65, "whole", "three")
    checks.check(contents(three / "checkpoints") == before, "nothing is overwritten when all are corrupt")
    refused("still corrupt", train(*longer, on=three), 65, "whole")
    verdict = spotctl.run([spotctl.SPOTCTL, "verify", str(three)])
    checks.check(verdict.code == 65, "verify says so with 65")

    # Metadata services that are none. Training never stops for them.
    for fault in ("401", "403", "404", "429", "500", "503", "html", "garbage", "hang", "slow", "endless", "reset",
                  "redirect"):
        with spotctl.metadata_service("--fault", fault) as (endpoint, _):
            result = spotctl.run(spotctl.command(
                spotctl.new_volume(folder, "metadata-" + fault), *BASE, "--steps", 30, "--poll-seconds", 0.05,
                "--metadata-endpoint", endpoint, metadata="aws"))
        checks.check(result.code == 0 and result.last("interruption") is None, f"metadata answering {fault}: trains on")
checks.exit()

#!/usr/bin/env python3
"""Datasets as people have them: how files are named, packed and typed, and what a run's dataset is later."""
import gzip
import http.server
import os
import pathlib
import shutil
import struct
import threading

import spotctl
from idx import idx

checks = spotctl.Checks()
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
NOWHERE = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}  # no request leaves this machine


def pixels(count, shift=0):
    return bytes((i * 7 + shift) % 256 for i in range(count * 784))


def files(labels=lambda i: i % 10, test_labels=lambda i: i % 10, count=40):
    return {IMAGES: idx([count, 28, 28], pixels(count)), LABELS: idx([count], map(labels, range(count))),
            "t10k-images-idx3-ubyte": idx([10, 28, 28], pixels(10)),
            "t10k-labels-idx1-ubyte": idx([10], map(test_labels, range(10)))}


class Place:
    def __init__(self, folder):
        self.folder, self.number = folder, 0

    def new(self, kind):
        self.number += 1
        path = self.folder / f"{kind}-{self.number}"
        path.mkdir()
        return path

    def data(self, content):
        data = self.new("data")
        for name, file in content.items():
            (data / name).parent.mkdir(exist_ok=True)
            (data / name).write_bytes(file)
        return data


def train(volume, data, *flags, steps=2, env=None):
    return spotctl.run(spotctl.command(volume, "--dataset", data, "--model", "mlp", "--batch-size", 8, "--steps", steps,
                                       "--code-version", "none", "--run-id", "r", *flags), env={**NOWHERE, **(env or {})})


def state(result):
    return result.last("end")["state_hash"] if result.code == 0 else None


with spotctl.scratch() as folder:
    place = Place(folder)
    good = files()
    expected = state(train(place.new("volume"), place.data(good)))
    checks.check(expected is not None, "the plain files are trained on")

    def same(what, content):
        """Another form of the same dataset: the run is the same to the bit."""
        result = train(place.new("volume"), place.data(content))
        checks.check(state(result) == expected, f"{what}: trained on as the plain files are: {result.err}")

    def without(name, **more):
        return {key: value for key, value in good.items() if key != name} | more

    def refused(what, content, *words, code=65):
        result = train(place.new("volume"), place.data(content))
        errors = [line for line in result.err.splitlines() if "error: " in line]
        checks.check(result.code == code and len(errors) == 1, f"{what}: {result.code}, one line: {result.err}")
        for word in words:
            checks.check(any(word in line for line in errors), f"{what}: '{word}' is named: {errors}")
        checks.check("fetch it again" not in result.err, f"{what}: nothing was fetched: {errors}")

    # Where unpackers put files, and how they are named.
    same("folders named like the files in them", {f"{name}/{name}": file for name, file in good.items()})
    dotted = {name.replace("-idx", ".idx"): file for name, file in good.items()}
    same("those beside the files", dotted | {f"{name}/{name}": file for name, file in good.items()})
    same("a dot in the names", dotted)
    same("dots and dashes at once", good | dotted)
    same("a folder within the folder", {f"raw/{name}": file for name, file in good.items()})
    same("what a Mac adds", good | {f"._{name}": b"x" for name in good} | {f"__MACOSX/._{name}": b"x" for name in good})
    same("packed beside plain", good | {name + ".gz": gzip.compress(file) for name, file in good.items()})
    different = idx([40, 28, 28], pixels(40, 1))
    refused("packed beside plain, and different", good | {IMAGES + ".gz": gzip.compress(different)}, IMAGES + "'",
            IMAGES + ".gz'", "differ")
    same("a damaged copy beside a whole one", good | {IMAGES + ".gz": gzip.compress(good[IMAGES])[:500]})

    # How they are packed.
    zipped = gzip.compress(good[IMAGES])
    same("gzip", without(IMAGES, **{IMAGES + ".gz": zipped}))
    same(".gz that is not gzip", without(IMAGES, **{IMAGES + ".gz": good[IMAGES]}))
    same("gzip without .gz", good | {IMAGES: zipped})
    same("two members", good | {IMAGES: gzip.compress(good[IMAGES][:1000]) + gzip.compress(good[IMAGES][1000:])})
    same("padding", good | {IMAGES: zipped + bytes(512)})
    refused("what is no padding", good | {IMAGES: zipped + b"\1" * 512}, IMAGES, "512 bytes follow")
    refused("zip", good | {IMAGES: b"PK\3\4" + bytes(100)}, IMAGES, "zip archive", "unpack")
    refused("truncated", good | {IMAGES: zipped[:-20]}, IMAGES, "cut off")

    # Types.
    labels = [i % 10 for i in range(40)]
    same("QMNIST's labels", without(LABELS, **{"train-labels-idx2-int": idx(
        [40, 8], struct.pack(">320i", *[v for label in labels for v in (label, 1, 2, 3, 4, 5, 99999, -1)]), 12)}))
    same("labels of 32 bits", good | {LABELS: idx([40], struct.pack(">40i", *labels), 12)})
    same("one channel behind", good | {IMAGES: idx([40, 28, 28, 1], pixels(40))})
    same("one channel before", good | {IMAGES: idx([40, 1, 28, 28], pixels(40))})
    floats = struct.pack(f">{40 * 784}f", *[value / 255 for value in pixels(40)])
    same("brightness from 0 to 1", good | {IMAGES: idx([40, 28, 28], floats, 13)})
    refused("three channels in one of two files", good | {IMAGES: idx([40, 28, 28, 3], pixels(120))}, IMAGES, "28 x 28 x 3")
    refused("brightness that no byte has", good | {IMAGES: idx([40, 28, 28], struct.pack(">f", 0.123) * 40 * 784, 13)},
            IMAGES, "0.123", "bytes")
    refused("labels beyond 255", good | {LABELS: idx([40], struct.pack(">40i", *range(230, 270)), 12)}, LABELS, "256")
    refused("an unknown type", good | {IMAGES: idx([40, 28, 28], pixels(40), 10)}, IMAGES, "type 10")
    data = place.data(good)
    result = train(place.new("volume"), data / IMAGES)
    checks.check(result.code == 64 and "is a file" in result.err and "folder" in result.err, f"a file: {result.err}")

    # Labels.
    def trains(what, content, *words):
        volume = place.new("volume")
        result = train(volume, place.data(content))
        checks.check(result.code == 0, f"{what}: trained: {result.err}")
        for word in words:
            checks.check(word in result.err, f"{what}: '{word}' is told: {result.err}")
        if not words:
            checks.check("damaged" not in result.err and "label" not in result.err, f"{what}: no alarm: {result.err}")

    trains("labels 3 and 8 only", files(lambda i: (3, 8)[i % 2], lambda i: (3, 8)[i % 2]))
    trains("a test set of one digit", files(test_labels=lambda _: 4))
    trains("test labels that training has not", files(lambda i: i % 9), "label 9")
    trains("one label far away", files(lambda i: 200 if i == 7 else i % 3, lambda i: i % 3), "label 200")

    # The cache knows a source by its content.
    data, volume = place.data({name + ".gz": gzip.compress(file, mtime=0) for name, file in good.items()}), \
        place.new("volume")
    checks.check(state(train(volume, data, "--run-id", "a")) == expected, "packed files are trained on")
    source = data / (LABELS + ".gz")
    before = source.stat()
    for salt in range(10):  # until it has the same size
        changed = gzip.compress(idx([40], [(i + 1 + salt) % 10 for i in range(40)]), mtime=0)
        changed += bytes(before.st_size - len(changed)) if len(changed) < before.st_size else b""
        if len(changed) == before.st_size:
            break
    source.write_bytes(changed)
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = train(volume, data, "--run-id", "a", steps=4)
    checks.check(result.code == 65 and "dataset" in result.err, f"a source of the same size and time: {result.err}")
    for cached in (volume / "datasets").iterdir():
        cached.write_bytes(cached.read_bytes()[:-5] + b"xxxxx")
    shutil.rmtree(volume / "checkpoints")
    source.write_bytes(gzip.compress(good[LABELS], mtime=0))
    result = train(volume, data, "--run-id", "a")
    checks.check(state(result) == expected and "is damaged" in result.err, f"a damaged cache is made anew: {result.err}")

    # What auto became is part of the run.
    mirror_files = {}

    class Mirror(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = mirror_files.get(self.path.strip("/"))
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mirrors = ["--dataset-mirrors", f"http://127.0.0.1:{server.server_port}/"]
    local = {**NOWHERE, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
    volume = place.new("volume")
    first = train(volume, "auto", *mirrors, env=local)
    checks.check(first.code == 0 and first.last("start")["dataset"] == "synthetic", f"without MNIST: {first.err}")
    checks.check(first.err.count("SYNTHETIC DATA") == 1, f"said once: {first.err}")
    real = os.environ.get("SPOT_TEST_MNIST")
    if real:
        for name in good:
            plain = pathlib.Path(real, name)
            packed = pathlib.Path(real, name + ".gz")
            mirror_files[name + ".gz"] = gzip.compress(plain.read_bytes(), 1) if plain.exists() else packed.read_bytes()
    shutil.rmtree(volume / "datasets")
    second = train(volume, "auto", *mirrors, steps=4, env=local)
    checks.check(second.code == 0 and second.last("start")["resumed"], f"later, with MNIST: {second.err}")
    checks.check(second.last("start")["dataset"] == "synthetic", "it stays synthetic")
    checks.check("another volume" in second.err, f"with the way out: {second.err}")
    evaluation = spotctl.run([spotctl.SPOTCTL, "eval", "--volume", str(volume), "--json"], env=NOWHERE)
    checks.check(evaluation.code == 0, f"eval uses the run's dataset: {evaluation.err}")
    if real:
        volume = place.new("volume")
        first = train(volume, "auto", *mirrors, env=local)
        checks.check(first.code == 0 and first.last("start")["dataset"] == "mnist", f"with MNIST: {first.err}")
        mirror_files.clear()
        second = train(volume, "auto", *mirrors, steps=4, env=local)
        checks.check(second.code == 0 and second.last("start")["dataset"] == "mnist", f"cached: {second.err}")
        shutil.rmtree(volume / "datasets")
        third = train(volume, "auto", *mirrors, steps=6, env=local)
        checks.check(third.code == 69 and "began with mnist" in third.err, f"the cache is lost: {third.err}")
    else:
        print("skipped: SPOT_TEST_MNIST is not set, so a run that begins with MNIST is not tried")
    server.shutdown()

checks.exit()

#!/usr/bin/env python3
"""Prediction and evaluation: every picture as it looks, no dataset, no writing; files of the user's have the user's mode."""
import json
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import zlib

import spotctl

checks = spotctl.Checks()
SIDE = 28


def png(path, rows, kind, depth=8, palette=None, transparency=None):
    """`rows` of bytes; kind 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    header = struct.pack(">IIBBBBB", SIDE, len(rows), depth, kind, 0, 0, 0)
    extra = (chunk(b"PLTE", palette) if palette else b"") + (chunk(b"tRNS", transparency) if transparency else b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra +
                     chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b""))


def digit(value):
    """A grey value for each place of a thick 1."""
    return [[value(255 if 12 <= x <= 15 and 4 <= y <= 23 else 0) for x in range(SIDE)] for y in range(SIDE)]


def rows(function):
    return [b"".join(bytes(pixel) for pixel in line) for line in digit(function)]


with spotctl.scratch() as folder:
    volume = spotctl.new_volume(folder, "volume")
    data = spotctl.dataset()
    os.umask(0o022)
    trained = spotctl.run(spotctl.command(volume, "--dataset", data, "--model", "lenet-5", "--steps", 3, "-q", "--run-id", "r"))
    checks.check(trained.code == 0, f"a model to predict with: {trained.err}")
    checkpoint = next((volume / "checkpoints").glob("ckpt-*.spck"))

    def predict(*files, flags=(), at=("--volume", volume), **more):
        result = spotctl.run([spotctl.SPOTCTL, "predict", *map(str, at), "--json", *flags, *map(str, files)], **more)
        checks.check(result.code == 0, f"predict {[f.name for f in files]}: {result.err}")
        return [json.loads(line)["probabilities"] for line in result.out.splitlines()], result.err

    # White on black is what the model knows; each of the others must look the same to it, as it is or inverted.
    light, dark = {}, {}

    def picture(kinds, name, *arguments, **more):
        kinds[name] = folder / f"{name}.png"
        png(kinds[name], *arguments, **more)

    picture(light, "grey", rows(lambda v: [v]), 0)
    picture(light, "deep", rows(lambda v: [v, v]), 0, 16)
    picture(light, "colour", rows(lambda v: [v, v, v]), 2)
    picture(light, "palette", rows(lambda v: [v // 255]), 3, palette=b"\0\0\0\xff\xff\xff")
    picture(light, "opaque", rows(lambda v: [v, 255]), 4)
    picture(light, "white ink", rows(lambda v: [255, v]), 4)
    picture(light, "white ink in colour", rows(lambda v: [255, 255, 255, v]), 6)
    picture(dark, "grey inverted", rows(lambda v: [255 - v]), 0)
    picture(dark, "black ink", rows(lambda v: [0, v]), 4)
    picture(dark, "black ink in colour", rows(lambda v: [0, 0, 0, v]), 6)
    picture(dark, "black ink in 16 bits", rows(lambda v: [0, 0, v, v]), 4, 16)
    picture(dark, "palette with a clear entry", rows(lambda v: [v // 255]), 3, palette=b"\xff\xff\xff\0\0\0",
            transparency=b"\0\xff")
    as_known, told = predict(light["grey"])
    checks.check("--invert" not in told, f"no hint for what the model knows: {told}")
    for name, path in light.items():
        found, told = predict(path)
        checks.check(found == as_known and "--invert" not in told, f"{name} looks like the white digit: {told}")
    for name, path in dark.items():
        found, told = predict(path)
        checks.check(found != as_known and told.count("--invert") == 1 and path.name in told, f"{name}: a hint: {told}")
        found, told = predict(path, flags=["--invert"])
        checks.check(found == as_known and "--invert" not in told, f"{name} inverted looks like the white digit: {told}")
    found, told = predict(*dark.values())
    checks.check(len(found) == len(dark) and told.count("--invert") == 1, f"one hint for all files: {told}")
    # A half-tone of 16 bits is the half-tone of 8 bits.
    png(folder / "half.png", rows(lambda v: [v // 2]), 0)
    png(folder / "half16.png", rows(lambda v: [v // 2, v // 2]), 0, 16)
    checks.check(predict(folder / "half.png")[0] == predict(folder / "half16.png")[0], "16 bits are read like 8")
    png(folder / "tall.png", rows(lambda v: [v])[:20], 0)
    result = spotctl.run([spotctl.SPOTCTL, "predict", "--volume", str(volume), str(folder / "tall.png")])
    checks.check(result.code == 65 and "20 x 28" in result.err and "28 x 28" in result.err, f"another size: {result.err}")

    # Evaluation and prediction agree in what computes.
    evaluation = [spotctl.SPOTCTL, "eval", "--json", "--dataset", data]
    before = spotctl.run([*evaluation, "--volume", str(volume)])
    checks.check(before.code == 0, f"eval: {before.err}")

    # A checkpoint alone is enough for prediction, wherever it lies, and nothing is made beside it.
    empty = folder / "elsewhere"
    empty.mkdir()
    shutil.copy(checkpoint, empty / "model.spck")
    found = subprocess.run([spotctl.SPOTCTL, "predict", "--json", "--checkpoint", "model.spck", str(light["grey"])], cwd=empty,
                           capture_output=True, text=True, check=False)
    checks.check(found.returncode == 0 and json.loads(found.stdout)["probabilities"] == as_known[0],
                 f"the checkpoint alone predicts: {found.stderr}")
    found = subprocess.run([*evaluation, "--checkpoint", "model.spck"], cwd=empty, capture_output=True, text=True, check=False)
    checks.check(found.returncode == 0, f"the checkpoint and a dataset evaluate: {found.stderr}")
    checks.check([p.name for p in empty.iterdir()] == ["model.spck"], f"nothing is made there: {list(empty.iterdir())}")
    checks.check(spotctl.run([spotctl.SPOTCTL, "predict", "--volume", str(volume), os.fsencode(light["grey"])]).code == 0,
                 "a name of bytes")
    odd = os.fsencode(folder) + b"/gr\xfcn.png"
    shutil.copy(light["grey"], odd)
    found = subprocess.run([spotctl.SPOTCTL, "predict", "--json", "--volume", str(volume), odd], capture_output=True, check=False)
    checks.check(found.returncode == 0 and json.loads(found.stdout.decode())["probabilities"] == as_known[0],
                 f"a picture of a Latin-1 name: {found.stderr}")

    # A volume that cannot be written.
    def contents():
        return sorted((str(p), p.lstat().st_mtime_ns) for p in volume.rglob("*"))

    was = contents()
    sealed = folder / "sealed"
    sealed.mkdir()
    mounted = subprocess.run(["mount", "--bind", str(volume), str(sealed)], capture_output=True, check=False).returncode == 0
    try:
        read_only = mounted and subprocess.run(["mount", "-o", "remount,ro,bind", str(sealed)], capture_output=True,
                                               check=False).returncode == 0
        if not read_only:
            print("not shown: nothing can be mounted here, so the volume can be written")
        at = sealed if read_only else volume
        found, told = predict(light["grey"], at=("--volume", at))
        checks.check(found == as_known and "warning" not in told, f"predict on a read-only volume: {told}")
        after = spotctl.run([*evaluation, "--volume", str(at)])
        checks.check(after.code == 0 and not after.err.count("warning"), f"eval on a read-only volume: {after.err}")
        if after.code == 0 and before.code == 0:
            checks.check(json.loads(after.out)["confusion"] == json.loads(before.out)["confusion"], "with the same result")
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(sealed)], check=False)
    checks.check(contents() == was, "neither changes anything on the volume")

    # Whom files are for.
    def mode(path):
        return stat.S_IMODE(path.stat().st_mode)

    for mask, expected in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        os.umask(mask)
        prefix = folder / f"export-{mask:o}"
        export = spotctl.run([spotctl.SPOTCTL, "export", str(volume), "--output", str(prefix)])
        for made in (f"{prefix}.json", f"{prefix}.safetensors"):
            found = mode(pathlib.Path(made)) if export.code == 0 else export.err
            checks.check(found == expected, f"export under umask {mask:o}: {found}")
    for made in ("models/r.json", "models/r.safetensors", "logs/r.csv", "logs/r.steps.csv"):
        checks.check(mode(volume / made) == 0o644, f"{made} follows the umask: {mode(volume / made):o}")
    checks.check(mode(checkpoint) == 0o600, f"a checkpoint is private: {mode(checkpoint):o}")
checks.exit()

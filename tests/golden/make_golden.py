#!/usr/bin/env python3
"""Makes the golden files of this format version, once, when it is released; they are never made again.

    make_golden.py SPOTCTL

checkpoint-1.0.* are of the format of commit f2a31f6.
"""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import golden_run
import read_checkpoint
import trailer

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = HERE.parent.parent / "schemas" / "checkpoint.fbs"


def newest_checkpoint(spotctl, folder):
    volume = folder / "volume"
    volume.mkdir()
    # Relative paths: the file must not tell where it was made.
    settings = {**golden_run.settings(folder, volume), "dataset": "data", "volume": "volume"}
    subprocess.run([pathlib.Path(spotctl).resolve(), "train", *(f"--set={k}={v}" for k, v in settings.items())],
                   cwd=folder, check=True)
    return max((volume / "checkpoints").glob("*.spck"))


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        made = newest_checkpoint(sys.argv[1], folder)
        version = "{major}.{minor}".format(**trailer.unseal(made.read_bytes())[1])
        golden = HERE / f"checkpoint-{version}.spck"
        if golden.exists():
            sys.exit(f"{golden} exists: it is never made again")
        fields, tensors = read_checkpoint.read(made, read_checkpoint.generate(SCHEMA, folder / "generated"))
        for tensor in tensors.values():
            tensor["sha256"] = hashlib.sha256(tensor.pop("bytes")).hexdigest()
        shutil.copyfile(made, golden)
        shutil.copyfile(SCHEMA, golden.with_suffix(".fbs"))
        golden.with_suffix(".json").write_text(
            json.dumps({"name": made.name, "fields": fields, "tensors": tensors}, indent=1) + "\n")


if __name__ == "__main__":
    main()

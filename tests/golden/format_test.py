#!/usr/bin/env python3
"""Checkpoints of every released format load for ever, and those of the next one as far as they can.

    format_test.py SPOTCTL LIBSPOT_TRAINER.SO
"""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import checks
import edit
import golden_run
import library
import read_checkpoint
import trailer

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = HERE.parent.parent / "schemas" / "checkpoint.fbs"
SPOTCTL, LIBRARY = sys.argv[1], library.Library(sys.argv[2])
CHECKS = checks.Checks()
check = CHECKS.check


def refusal(path):
    """The status and message with which the library refuses a file; None when it loads."""
    try:
        LIBRARY.open(path)
    except library.Refused as refused:
        return refused
    return None


def conforms(old, new):
    return subprocess.run(["flatc", "--conform", str(old), str(new)], capture_output=True).returncode == 0


def test_golden_loads(golden, expected):
    checkpoint = LIBRARY.open(golden)
    described = checkpoint.describe()
    for key in ("step", "epoch", "generation", "seed", "run_id", "state_hash", "reason"):
        check(described[key] == expected["fields"][key], f"{golden.name}: {key} is {described[key]}")
    check([t["name"] for t in described["tensors"]] == list(expected["tensors"]), f"{golden.name}: tensors, in order")
    for name, tensor in expected["tensors"].items():
        digest = hashlib.sha256(checkpoint.tensor(name, tensor["shape"])).hexdigest()
        check(digest == tensor["sha256"], f"{golden.name}: tensor {name}")


def test_golden_restores(golden, expected, folder):
    """Into a trainer of the same configuration, by file and by the volume's own recovery."""
    volume = folder / golden.stem
    volume.mkdir()
    settings = golden_run.settings(folder, volume)
    hash_of_it = expected["fields"]["state_hash"]
    config = LIBRARY.config(**settings)
    check(LIBRARY.restored_hash(config, golden) == hash_of_it, f"{golden.name} restores to its state hash")
    (volume / "checkpoints").mkdir(exist_ok=True)
    shutil.copyfile(golden, volume / "checkpoints" / expected["name"])
    result = subprocess.run([SPOTCTL, "train", "--json", *(f"--set={k}={v}" for k, v in settings.items())],
                            capture_output=True, text=True)
    start = next((json.loads(l) for l in result.stdout.splitlines() if '"start"' in l), {})
    check(result.returncode == 0 and start.get("resumed") and start.get("state_hash") == hash_of_it,
          f"a run goes on from {golden.name}: {start} {result.stderr}")
    # Control: another state would have been noticed.
    config = LIBRARY.config(**{**settings, "seed": 43, "allow_config_change": "true"})
    check(LIBRARY.restored_hash(config, golden) != hash_of_it, "the state hash tells another seed")


def test_other_language(golden, table):
    """Python with generated code sees the same bits as the library."""
    fields, tensors = read_checkpoint.read(golden, table)
    check(read_checkpoint.state_hash(fields, tensors) == fields["state_hash"], f"{golden.name}: state hash in Python")
    checkpoint = LIBRARY.open(golden)
    described = {t["name"]: t for t in checkpoint.describe()["tensors"]}
    check(set(described) == set(tensors), f"{golden.name}: the same tensors in Python")
    for name, tensor in tensors.items():
        check(checkpoint.tensor(name, tensor["shape"]) == tensor["bytes"], f"{golden.name}: {name} bit for bit")
        check(described[name]["role"] == tensor["role"] and described[name]["shape"] == tensor["shape"],
              f"{golden.name}: role and shape of {name}")
    # Control: the reader checks what it reads.
    damaged = bytearray(golden.read_bytes())
    damaged[200] ^= 1
    try:
        trailer.unseal(bytes(damaged))
        check(False, "the reader notices a flipped bit")
    except trailer.Damaged:
        check(True, "")


def test_versions(golden, folder):
    payload, found = trailer.unseal(golden.read_bytes())
    lineage = {"writer_epoch": found["writer_epoch"], "generation": found["generation"]}
    file = folder / "version.spck"
    file.write_bytes(trailer.seal(payload, **lineage))
    check(file.read_bytes() == golden.read_bytes(), "Python seals a payload into the library's very bytes")
    file.write_bytes(trailer.seal(payload, minor=found["minor"] + 7, **lineage))
    check(refusal(file) is None, f"a newer minor version loads: {refusal(file)}")
    file.write_bytes(trailer.seal(payload, major=found["major"] + 1, **lineage))
    refused = refusal(file)
    check(refused and refused.status == "SPOT_E_UNSUPPORTED" and "version 2.0" in refused.message,
          f"a newer major version is refused by name: {refused}")


def test_fields_of_the_future(golden, expected, folder):
    """A schema that appends fields makes a file that this library reads, without them."""
    later = folder / "later.fbs"
    text = SCHEMA.read_text()
    text = text.replace("  tensors: [Tensor] (required);\n}", "  tensors: [Tensor] (required);\n"
                        "  field_of_the_future: string;\n  more: [Setting];\n}")
    text = text.replace("  xxh3_64: ulong;          // of data\n}", "  xxh3_64: ulong;\n  scale: float;\n}")
    later.write_text(text)
    check(text.count("field_of_the_future") + text.count("scale: float") == 2, "the schema was extended")
    check(conforms(SCHEMA, later), "appended fields conform")
    payload, found = trailer.unseal(golden.read_bytes())
    content = edit.to_json(SCHEMA, payload, folder)
    content.update(field_of_the_future="unheard of", more=[{"key": "a", "value": "b"}])
    for tensor in content["tensors"]:
        tensor["scale"] = 0.5
    file = folder / "later.spck"
    file.write_bytes(trailer.seal(edit.to_payload(later, content, folder), minor=found["minor"] + 1,
                                  writer_epoch=found["writer_epoch"], generation=found["generation"]))
    check(b"unheard of" in file.read_bytes(), "the file has the new field")
    check(refusal(file) is None, f"unknown fields are passed over: {refusal(file)}")
    check(LIBRARY.open(file).describe()["state_hash"] == expected["fields"]["state_hash"], "and the state is the same")
    test_golden_loads(file, expected)


def test_schema_conforms(frozen, folder):
    check(conforms(frozen, SCHEMA), f"today's schema conforms to {frozen.name}")
    text = frozen.read_text()
    for what, old, new in (("a removed field", "  step: ulong;             // steps done\n", ""),
                           ("another type", "  seed: ulong;", "  seed: string;"),
                           ("a field put between others", "  epoch: ulong;            // epochs completed\n",
                            "  between: ulong;\n  epoch: ulong;\n"),
                           ("a renumbered value", "statistic = 2", "statistic = 3")):
        changed = folder / "changed.fbs"
        changed.write_text(text.replace(old, new))
        check(old in text and not conforms(frozen, changed), f"control: {what} does not conform")


def main():
    goldens = sorted(HERE.glob("checkpoint-*.spck"))
    check(goldens, "there are golden files")
    with tempfile.TemporaryDirectory(prefix="spot-golden-") as scratch:
        folder = pathlib.Path(scratch)
        try:
            table = read_checkpoint.generate(SCHEMA, folder / "generated")
        except ImportError:
            table = None
            print("skipped: python3-flatbuffers is not here, so no other language reads the files")
        for golden in goldens:
            expected = json.loads(golden.with_suffix(".json").read_text())
            test_golden_loads(golden, expected)
            test_golden_restores(golden, expected, folder)
            if table:
                test_other_language(golden, table)
            test_versions(golden, folder)
            test_fields_of_the_future(golden, expected, folder)
            test_schema_conforms(golden.with_suffix(".fbs"), folder)
    sys.exit(CHECKS.exit_code(f", of {len(goldens)} golden files"))


main()

#!/usr/bin/env python3
"""Reads a checkpoint with nothing of spot-trainer but its schema: the code that flatc makes of it, and Debian's
python3-flatbuffers.

    read_checkpoint.py SCHEMA.FBS CHECKPOINT
"""
import importlib
import pathlib
import struct
import subprocess
import sys
import tempfile

import trailer
import xxh3

ROLES = ["parameter", "accumulator", "statistic"]


def generate(schema, folder, flatc="flatc"):
    """The Python module of the schema's root table; `folder` is where its code is put."""
    subprocess.run([flatc, "--python", "-o", str(folder), str(schema)], check=True)
    sys.path.insert(0, str(folder))  # for good: the generated modules import each other when they are used
    return importlib.import_module("spot.format.Checkpoint").Checkpoint


def read(path, table):
    """({field: value}, {tensor: {"shape", "role", "bytes"}}) of a file whose every byte is checked."""
    payload, _ = trailer.unseal(pathlib.Path(path).read_bytes())
    size, = struct.unpack_from("<I", payload)
    if size != len(payload) - 4 or payload[8:12] != b"SPCK":
        raise trailer.Damaged("the payload is no size-prefixed FlatBuffer of a checkpoint")
    checkpoint = table.GetRootAs(payload, 4)
    fields = {"step": checkpoint.Step(), "epoch": checkpoint.Epoch(), "generation": checkpoint.Generation(),
              "seed": checkpoint.Seed(), "writer_epoch": checkpoint.WriterEpoch()}
    for name in ("reason", "run_id", "state_hash", "model_json", "dataset_name", "dataset_fingerprint",
                 "library_version"):
        fields[name] = getattr(checkpoint, name.title().replace("_", ""))().decode()
    settings = (checkpoint.Config(i) for i in range(checkpoint.ConfigLength()))
    fields["config"] = {s.Key().decode(): s.Value().decode() for s in settings}
    tensors = {}
    for i in range(checkpoint.TensorsLength()):
        tensor = checkpoint.Tensors(i)
        data = tensor.DataAsNumpy().tobytes()
        if xxh3.hash64(data) != tensor.Xxh364():
            raise trailer.Damaged(f"tensor {tensor.Name().decode()} does not match its hash")
        tensors[tensor.Name().decode()] = {"shape": [tensor.Shape(d) for d in range(tensor.ShapeLength())],
                                           "role": ROLES[tensor.Role()], "bytes": data}
    return fields, tensors


def state_hash(fields, tensors):
    """As the library defines it: everything that determines the future of the run."""
    text = struct.pack("<QQ", fields["step"], fields["seed"])
    for name, tensor in tensors.items():
        text += struct.pack("<Q", len(name.encode())) + name.encode()
        text += struct.pack(f"<Q{len(tensor['shape'])}Q", len(tensor["shape"]), *tensor["shape"]) + tensor["bytes"]
    return xxh3.hash128(text).hex()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        read_fields, read_tensors = read(sys.argv[2], generate(sys.argv[1], scratch))
    for field, value in read_fields.items():
        print(f"{field:20} {value}")
    for tensor_name, found in read_tensors.items():
        print(f"{tensor_name:40} {found['role']:12} {found['shape']}")
    print("state hash holds:", state_hash(read_fields, read_tensors) == read_fields["state_hash"])

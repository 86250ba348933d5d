"""The frame of a checkpoint file as schemas/checkpoint.fbs describes it: payload, zeros to whole blocks, trailer."""
import struct

import xxh3

BLOCK = 4096
SIZE = 64
MAGIC = b"SPCKTAIL"
# magic, major, minor, zero, payload's length, writer epoch, generation, XXH3-128 of the payload; then XXH3-64 of these
FIELDS = struct.Struct("<8sHHIQQQ16s")


class Damaged(Exception):
    """The file is not what its trailer says."""


def seal(payload, major=1, minor=0, writer_epoch=1, generation=1):
    """A whole file of this payload."""
    fields = FIELDS.pack(MAGIC, major, minor, 0, len(payload), writer_epoch, generation, xxh3.hash128(payload))
    padding = -(len(payload) + SIZE) % BLOCK
    return payload + bytes(padding) + fields + struct.pack("<Q", xxh3.hash64(fields))


def unseal(file):
    """(payload, {"major", "minor", "writer_epoch", "generation"}) of a whole file's bytes, everything checked."""
    fields, own_hash = file[-SIZE:-8], file[-8:]
    if len(file) < SIZE or fields[:8] != MAGIC:
        raise Damaged("it does not end with a trailer")
    if struct.pack("<Q", xxh3.hash64(fields)) != own_hash:
        raise Damaged("the trailer's own hash is wrong")
    _, major, minor, _, length, writer_epoch, generation, payload_hash = FIELDS.unpack(fields)
    if major != 1:
        raise Damaged(f"format version {major}.{minor} is not known here")
    payload, padding = file[:length], file[length:-SIZE]
    if len(file) % BLOCK or len(payload) != length or len(padding) >= BLOCK or any(padding):
        raise Damaged("payload and padding do not add up")
    if xxh3.hash128(payload) != payload_hash:
        raise Damaged("the payload's hash is wrong")
    return payload, {"major": major, "minor": minor, "writer_epoch": writer_epoch, "generation": generation}

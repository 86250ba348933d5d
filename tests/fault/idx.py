"""Files of the format IDX, of which MNIST and its like consist."""
import struct

UNSIGNED_BYTE = 8


def idx(extents, values, kind=UNSIGNED_BYTE):
    return struct.pack(">4B", 0, 0, kind, len(extents)) + struct.pack(f">{len(extents)}I", *extents) + bytes(values)

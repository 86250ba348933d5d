"""XXH3 from python3-xxhash where that is installed, else from the C library that the build needs anyway."""
import ctypes
import ctypes.util

try:
    import xxhash
except ImportError:
    xxhash = None
    _library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")

    class _Hash128(ctypes.Structure):
        _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]

    _library.XXH3_64bits.restype = ctypes.c_uint64
    _library.XXH3_64bits.argtypes = _library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    _library.XXH3_128bits.restype = _Hash128


def hash64(data):
    """XXH3-64 as a number."""
    return xxhash.xxh3_64_intdigest(data) if xxhash else _library.XXH3_64bits(bytes(data), len(data))


def hash128(data):
    """XXH3-128 in its canonical form: 16 bytes, the highest first."""
    if xxhash:
        return xxhash.xxh3_128_digest(data)
    value = _library.XXH3_128bits(bytes(data), len(data))
    return value.high.to_bytes(8, "big") + value.low.to_bytes(8, "big")

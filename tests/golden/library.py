"""The C ABI for these tests."""
import ctypes
import json


class Refused(Exception):
    """A call of the library failed."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


class Library:
    def __init__(self, path):
        self.abi = ctypes.CDLL(path)
        for name in ("spot_error_message", "spot_status_name"):
            getattr(self.abi, name).restype = ctypes.c_char_p
        for kind in ("checkpoint", "error", "text", "trainer", "config"):
            getattr(self.abi, f"spot_{kind}_free").restype = None

    def call(self, name, *arguments):
        error = ctypes.c_void_p()
        status = getattr(self.abi, name)(*arguments, ctypes.byref(error))
        if status != 0:
            refused = Refused(self.abi.spot_status_name(status).decode(),
                              self.abi.spot_error_message(error).decode(errors="replace"))
            self.abi.spot_error_free(error)
            raise refused

    def make(self, name, *arguments):
        handle = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(handle))
        return handle

    def text(self, name, *arguments):
        pointer = self.make(name, *arguments)
        text = ctypes.string_at(pointer).decode()
        self.abi.spot_text_free(pointer)
        return text

    def open(self, path):
        return Checkpoint(self, self.make("spot_checkpoint_open", str(path).encode(), None))

    def config(self, **values):
        config = self.make("spot_config_create")
        for key, value in values.items():
            self.call("spot_config_set_str", config, key.encode(), str(value).encode())
        return config

    def restored_hash(self, config, path):
        """The state hash of a trainer of that configuration that took the file over."""
        trainer = self.make("spot_trainer_create", config, None, None)
        try:
            self.call("spot_trainer_restore", trainer, str(path).encode(), None)
            digits = ctypes.create_string_buffer(33)
            self.call("spot_trainer_get_state_hash", trainer, digits)
            return digits.value.decode()
        finally:
            self.abi.spot_trainer_free(trainer)


class Checkpoint:
    def __init__(self, library, handle):
        self.library, self.handle = library, handle

    def __del__(self):
        self.library.abi.spot_checkpoint_free(self.handle)

    def describe(self):
        return json.loads(self.library.text("spot_checkpoint_describe", self.handle))

    def tensor(self, name, shape):
        """Its bytes."""
        size = 1
        for extent in shape:
            size *= extent
        values = (ctypes.c_float * size)()
        self.library.call("spot_checkpoint_read_tensor", self.handle, name.encode(), values, ctypes.c_size_t(size))
        return bytes(values)

    def config(self):
        return self.library.make("spot_checkpoint_get_config", self.handle)

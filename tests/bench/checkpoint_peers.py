#!/usr/bin/env python3
"""A durable checkpoint of keras-cnn with Adam (14.4 MB of state), ours beside torch.save of the same tensors with
fsync, rename and fsync of the folder, taken in turn in one run on one disk. Prints a Markdown table.

    checkpoint_peers.py LIBSPOT_TRAINER.SO [--saves N] [--folder FOLDER]

The folder should be on the disk that counts. Needs PyTorch and numpy (Debian: python3-torch).
"""
import argparse
import ctypes
import os
import statistics
import tempfile
import time

import numpy as np
import torch


class SaveReport(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("reserved", ctypes.c_int32), ("step", ctypes.c_uint64),
                ("generation", ctypes.c_uint64), ("bytes", ctypes.c_uint64), ("stall_ms", ctypes.c_double),
                ("encode_ms", ctypes.c_double), ("write_ms", ctypes.c_double), ("fsync_ms", ctypes.c_double),
                ("durable_ms", ctypes.c_double), ("path", ctypes.c_char_p),
                ("not_promised", ctypes.c_char * 64)]


class TensorInfo(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("role", ctypes.c_int32), ("size", ctypes.c_uint64),
                ("offset", ctypes.c_uint64), ("rank", ctypes.c_uint32), ("reserved", ctypes.c_uint32),
                ("shape", ctypes.c_int64 * 8), ("name", ctypes.c_char_p)]


class Trainer:
    """The calls of <spot_trainer.h> that this needs."""

    def __init__(self, path, volume):
        self.lib = ctypes.CDLL(path)
        self.lib.spot_error_message.restype = ctypes.c_char_p
        config, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("spot_config_create", ctypes.byref(config))
        for key, value in {"dataset": "synthetic", "volume": volume, "model": "keras-cnn", "optimizer": "adam",
                           "metadata": "none"}.items():
            self.call("spot_config_set_str", config, key.encode(), value.encode())
        self.call("spot_trainer_create", config, None, None, ctypes.byref(self.handle))

    def call(self, name, *arguments):
        error = ctypes.c_void_p()
        if getattr(self.lib, name)(*arguments, ctypes.byref(error)) != 0:
            raise RuntimeError(f"{name}: {self.lib.spot_error_message(error).decode()}")

    def step(self):
        self.call("spot_trainer_step", self.handle, ctypes.c_uint64(1), None, None)

    def checkpoint(self):
        report = SaveReport(struct_size=ctypes.sizeof(SaveReport))
        self.call("spot_trainer_checkpoint", self.handle, None, ctypes.byref(report))
        return report

    def tensors(self):
        result, index = {}, 0
        while True:
            info = TensorInfo(struct_size=ctypes.sizeof(TensorInfo))
            try:
                self.call("spot_trainer_get_tensor_info", self.handle, ctypes.c_uint64(index), ctypes.byref(info))
            except RuntimeError:
                return result
            values = np.empty(tuple(info.shape[:info.rank]), np.float32)
            self.call("spot_trainer_read_tensor", self.handle, info.name,
                      values.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(values.size))
            result[info.name.decode()] = torch.from_numpy(values)
            index += 1


def torch_save(tensors, folder, number):
    """As durable as ours; milliseconds."""
    start = time.perf_counter()
    temporary, final = f"{folder}/.part", f"{folder}/{number}.pt"
    with open(temporary, "wb") as file:
        torch.save(tensors, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, final)
    directory = os.open(folder, os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)
    return 1e3 * (time.perf_counter() - start)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("library")
    arguments.add_argument("--saves", type=int, default=50)
    arguments.add_argument("--folder", default=None)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        volume, peer = f"{folder}/volume", f"{folder}/peer"
        os.mkdir(volume)
        os.mkdir(peer)
        trainer = Trainer(options.library, volume)
        ours, theirs = [], []
        for number in range(options.saves + 5):
            trainer.step()
            report = trainer.checkpoint()
            tensors = trainer.tensors()
            time.sleep(0.05)  # what retention does afterwards is not to be the peer's burden
            peer_ms = torch_save(tensors, peer, number)
            if number >= 3:
                os.unlink(f"{peer}/{number - 3}.pt")  # it keeps the last three, as ours does
            time.sleep(0.05)
            if number >= 5:
                ours.append(report)
                theirs.append(peer_ms)
    size = sum(t.numel() * 4 for t in tensors.values())
    print(f"{size / 1e6:.1f} MB of state, {options.saves} saves of each in turn, PyTorch {torch.__version__}\n")
    print("| | median ms | p90 ms |\n|---|---|---|")

    def row(name, values):
        values = sorted(values)
        print(f"| {name} | {statistics.median(values):.1f} | {values[len(values) * 9 // 10]:.1f} |")

    row("durable", [r.durable_ms for r in ours])
    for part in ("stall", "encode", "write", "fsync"):
        row(f"&nbsp; {part}", [getattr(r, part + "_ms") for r in ours])
    row("torch.save + fsync + rename + fsync of the folder", theirs)


if __name__ == "__main__":
    main()

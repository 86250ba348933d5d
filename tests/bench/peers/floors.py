#!/usr/bin/env python3
"""What no training step on a card can undercut: the time of its launches, and of the bytes that it must move.

As a program it measures the card with PyTorch and prints, as JSON, the microseconds of a kernel of one element among
many in a CUDA graph, and the GB/s of a copy (read and written bytes).
"""
import json
import time
from collections.abc import Callable
from typing import Any

KERNELS = 1000
COPIED = 1 << 28  # bytes: far more than a card's caches hold
REPEATS = 20


def activations(layers: list[dict[str, Any]]) -> int:
    """Values a sample that convolutions, pooling and dense layers put out; the others can work on them in passing."""
    channels, size, total = 1, 28, 0
    for layer in layers:
        kernel = layer.get("kernel", 1)
        if layer["type"] == "conv2d":
            channels = layer["filters"]
            if layer.get("padding", "valid") != "same":
                size = (size - kernel) // layer.get("stride", 1) + 1
        elif layer["type"] in ("max_pool", "average_pool"):
            size //= kernel
        elif layer["type"] == "dense":
            channels, size = layer["units"], 1
        else:
            continue
        total += channels * size * size
    return total


def bytes_a_step(layers: list[dict[str, Any]], parameters: int, batch_size: int, optimizer: str, width: int) -> int:
    """Of `width` bytes an activation. Parameters, 4 bytes each: read forward, read backward, gradient written and read,
    written; Adam's two moments, read and written. Activations: written, read forward, read backward, gradient written and
    read. Pixels: read as bytes."""
    accesses = 9 if optimizer == "adam" else 5
    return 4 * accesses * parameters + batch_size * (5 * width * activations(layers) + 28 * 28)


def main() -> None:
    import torch  # pylint: disable=import-outside-toplevel

    def seconds(call: Callable[[], Any]) -> float:
        call()
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(REPEATS):
            call()
        torch.cuda.synchronize()
        return (time.perf_counter() - start) / REPEATS

    element = torch.zeros(1, device="cuda")
    element.add_(1)  # its code is loaded at the first call, which cannot be recorded
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(KERNELS):
            element.add_(1)
    source = torch.zeros(COPIED, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    print(json.dumps({"kernel_us": seconds(graph.replay) / KERNELS * 1e6,
                      "copy_gb_per_second": 2 * COPIED / seconds(lambda: target.copy_(source)) * 1e-9}))


if __name__ == "__main__":
    main()

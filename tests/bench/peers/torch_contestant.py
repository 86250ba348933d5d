#!/usr/bin/env python3
"""Trains with PyTorch (1.13 or later) and prints how fast that is, as JSON."""
import contextlib
import json
from typing import Any

import numpy as np
import torch
from torch import nn

from contestant import Data, arguments, layers_of, measure


def build(layers: list[dict[str, Any]]) -> nn.Sequential:
    modules: list[nn.Module] = []
    channels, size = 1, 28
    for layer in layers:
        kernel, stride, padding = layer.get("kernel", 1), layer.get("stride", 1), layer.get("padding", "valid")
        kind = layer["type"]
        if kind == "conv2d":
            modules.append(nn.Conv2d(channels, layer["filters"], kernel, stride, padding))
            channels = layer["filters"]
            size = size if padding == "same" else (size - kernel) // stride + 1
        elif kind in ("max_pool", "average_pool"):
            modules.append((nn.MaxPool2d if kind == "max_pool" else nn.AvgPool2d)(kernel))
            size //= kernel
        elif kind == "relu":
            modules.append(nn.ReLU())
        elif kind == "dropout":
            modules.append(nn.Dropout(layer["rate"]))
        elif kind == "flatten":
            modules.append(nn.Flatten())
            channels, size = channels * size * size, 1
        elif kind == "dense":
            modules.append(nn.Linear(channels, layer["units"]))
            channels = layer["units"]
        else:
            raise ValueError(f"layer type {kind} is not known here")
    return nn.Sequential(*modules)


def make_optimizer(name: str, model: nn.Module, fused: bool) -> torch.optim.Optimizer:
    extra = {"fused": True} if fused else {}
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.01, **extra)
    return torch.optim.Adam(model.parameters(), lr=0.001, **extra)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tuned", action="store_true", help="set the number of threads, update with a fused optimizer")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bf16", action="store_true", help="automatic mixed precision in bfloat16")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    options = parser.parse_args()
    torch.manual_seed(1)
    if options.tuned:
        torch.set_num_threads(options.threads)
    fused = options.tuned and torch.__version__ >= "2."
    layout = torch.channels_last if options.channels_last else torch.contiguous_format

    data = Data(options.data)
    train_images = torch.from_numpy(data.train_images).unsqueeze(1).contiguous(memory_format=layout)
    test_images = torch.from_numpy(data.test_images).unsqueeze(1).contiguous(memory_format=layout)
    train_labels, test_labels = torch.from_numpy(data.train_labels), torch.from_numpy(data.test_labels)
    model = build(layers_of(options.model)).to(memory_format=layout)
    optimizer = make_optimizer(options.optimizer, model, fused)
    loss_of = nn.CrossEntropyLoss()

    def precision() -> contextlib.AbstractContextManager:
        return torch.autocast("cpu", torch.bfloat16) if options.bf16 else contextlib.nullcontext()

    def forward_loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with precision():
            return loss_of(model(images), labels)

    def count_hits(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with precision():
            return (model(images).argmax(1) == labels).sum()

    if options.compile:
        forward_loss, count_hits = torch.compile(forward_loss), torch.compile(count_hits)

    def train_step(indices: np.ndarray) -> torch.Tensor:
        model.train()
        batch = torch.from_numpy(indices)
        loss = forward_loss(train_images.index_select(0, batch), train_labels.index_select(0, batch))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def test_batch(first: int, end: int) -> int:
        model.eval()
        with torch.inference_mode():
            return int(count_hits(test_images[first:end], test_labels[first:end]))

    result = measure(options, data, train_step, test_batch)
    result["parameters"] = sum(p.numel() for p in model.parameters())
    result["version"] = f"PyTorch {torch.__version__}"
    print(json.dumps(result))


if __name__ == "__main__":
    main()

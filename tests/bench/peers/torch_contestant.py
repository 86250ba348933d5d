#!/usr/bin/env python3
"""Trains with PyTorch (1.13 or later) and prints how fast that is, as JSON."""
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from contestant import WARM_UP_STEPS, Data, arguments, layers_of, measure


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


def make_optimizer(name: str, model: nn.Module, fused: bool, captured: bool) -> torch.optim.Optimizer:
    extra = {"fused": True} if fused else {}
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=0.01, **extra)
    return torch.optim.Adam(model.parameters(), lr=0.001, capturable=captured, **extra)


def batches_on(device: str, count: int, batch_size: int) -> Iterator[torch.Tensor]:
    """shuffled_batches() whose epoch's order is drawn where the images are: no copy a step."""
    while True:
        yield from torch.randperm(count, device=device)[:count - count % batch_size].split(batch_size)


def captured(call: Callable[..., torch.Tensor], *examples: torch.Tensor) -> Callable[..., torch.Tensor]:
    """The call as one CUDA graph, for inputs of the examples' shapes. What it returns is overwritten by the next."""
    inputs = [example.clone() for example in examples]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # libraries initialise and choose algorithms, which is not to be recorded
        for _ in range(WARM_UP_STEPS):
            call(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = call(*inputs)

    def replay(*values: torch.Tensor) -> torch.Tensor:
        for kept, value in zip(inputs, values):
            kept.copy_(value)
        graph.replay()
        return output

    return replay


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tuned", action="store_true", help="set the number of threads, update with a fused optimizer")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--precision", choices=("fp32", "tf32", "bf16"), default="fp32",
                        help="bf16: automatic mixed precision; tf32: of the products and convolutions of --device cuda")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--graph", action="store_true", help="the whole step as one CUDA graph")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    on_card = options.device == "cuda"
    if options.graph and not on_card:
        parser.error("--graph needs --device cuda")
    torch.manual_seed(1)
    if options.tuned:
        torch.set_num_threads(options.threads)
    if on_card:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
        torch.backends.cudnn.benchmark = options.tuned
    fused = options.tuned and torch.__version__ >= "2."
    layout = torch.channels_last if options.channels_last else torch.contiguous_format

    data = Data(options.data)
    train_images = torch.from_numpy(data.train_images).unsqueeze(1).contiguous(memory_format=layout).to(options.device)
    test_images = torch.from_numpy(data.test_images).unsqueeze(1).contiguous(memory_format=layout).to(options.device)
    train_labels = torch.from_numpy(data.train_labels).to(options.device)
    test_labels = torch.from_numpy(data.test_labels).to(options.device)
    model = build(layers_of(options.model)).to(options.device, memory_format=layout)
    optimizer = make_optimizer(options.optimizer, model, fused, options.graph)
    loss_of = nn.CrossEntropyLoss()

    def precision() -> contextlib.AbstractContextManager:
        bf16 = options.precision == "bf16"
        return torch.autocast(options.device, torch.bfloat16) if bf16 else contextlib.nullcontext()

    def forward_loss(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with precision():
            return loss_of(model(images), labels)

    def count_hits(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with precision():
            return (model(images).argmax(1) == labels).sum()

    if options.compile:
        forward_loss, count_hits = torch.compile(forward_loss), torch.compile(count_hits)

    def update(batch: torch.Tensor) -> torch.Tensor:
        loss = forward_loss(train_images.index_select(0, batch), train_labels.index_select(0, batch))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def test(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return count_hits(images, labels)

    whole_test = test
    if options.graph:
        model.train()
        update = captured(update, torch.arange(options.batch_size, device=options.device))
        model.eval()
        whole_test = captured(test, test_images[:options.batch_size], test_labels[:options.batch_size])

    def train_step(indices: np.ndarray | torch.Tensor) -> torch.Tensor:
        model.train()
        loss = update(indices if on_card else torch.from_numpy(indices))
        return loss.clone() if options.graph else loss

    def test_batch(first: int, end: int) -> torch.Tensor | int:
        model.eval()
        whole = end - first == options.batch_size
        hits = (whole_test if whole else test)(test_images[first:end], test_labels[first:end])
        if options.graph:
            hits = hits.clone()
        return hits if on_card else int(hits)

    batches = batches_on(options.device, len(train_labels), options.batch_size) if on_card else None
    result = measure(options, data, train_step, test_batch, batches)
    result["parameters"] = sum(p.numel() for p in model.parameters())
    result["version"] = f"PyTorch {torch.__version__}"
    if on_card:
        result["version"] += f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    print(json.dumps(result))


if __name__ == "__main__":
    main()

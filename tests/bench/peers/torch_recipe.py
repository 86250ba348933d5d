#!/usr/bin/env python3
"""Trains MNIST by one of spot-trainer's recipes with PyTorch and prints accuracy and time, as JSON."""
import argparse
import json
import time
from pathlib import Path

import torch
from torch import nn

from contestant import Data, layers_of
from torch_contestant import build


def shifted(framed: torch.Tensor, batch: torch.Tensor, most: int) -> torch.Tensor:
    """The batch's images, each moved by up to `most` pixels; `framed` has as many zeros around every image."""
    size = framed.shape[-1] - 2 * most
    down, right = torch.randint(0, 2 * most + 1, (2, len(batch), 1), device=batch.device)
    pixels = torch.arange(size, device=batch.device)
    rows, columns = down + pixels, right + pixels
    return framed[batch[:, None, None], rows[:, :, None], columns[:, None, :]].unsqueeze(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="JSON file of layers")
    parser.add_argument("--data", type=Path, required=True, help="folder of IDX files, plain or gzip")
    parser.add_argument("--config", type=json.loads, required=True, help="values of the recipe's keys, as JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    config = options.config
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device(options.device)

    def synchronise() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    data = Data(options.data)
    images, labels = (torch.from_numpy(array).to(device) for array in (data.train_images, data.train_labels))
    test_images = torch.from_numpy(data.test_images).unsqueeze(1).to(device)
    test_labels = torch.from_numpy(data.test_labels).to(device)
    most = int(config["augment_shift"])
    framed = nn.functional.pad(images, (most,) * 4)

    model = build(layers_of(options.model)).to(device)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    rate, batch_size, epochs = float(config["learning_rate"]), int(config["batch_size"]), int(config["epochs"])
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(float(config["beta1"]), float(config["beta2"])),
                                 eps=1e-7, fused=True)
    steps = epochs * -(-len(labels) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1, cycle_momentum=False)
    loss_of = nn.CrossEntropyLoss()

    model.train()
    if device.type == "cuda":  # its libraries load at the first step; ours does so before the clock starts, too
        loss_of(model(images[:batch_size].unsqueeze(1)), labels[:batch_size]).backward()
        optimizer.zero_grad(set_to_none=True)
    synchronise()
    start = time.perf_counter()
    for _ in range(epochs):
        for batch in torch.randperm(len(labels), device=device).split(batch_size):
            inputs = shifted(framed, batch, most) if most else images[batch].unsqueeze(1)
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(inputs), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    synchronise()
    training_s = time.perf_counter() - start

    model.eval()
    with torch.inference_mode():
        hits = sum(int((model(test_images[i:i + 1000]).argmax(1) == test_labels[i:i + 1000]).sum())
                   for i in range(0, len(test_labels), 1000))
    print(json.dumps({"accuracy": hits / len(test_labels), "training_s": training_s}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a step callback costs: trains STEPS steps with one, and prints the seconds.

    bench.py VOLUME STEPS MODEL
"""

import sys

import spot_trainer as spot

SETTINGS = {"batch_size": 16, "epochs": 1000000, "metadata": "none", "checkpoint_seconds": 0, "checkpoint_epochs": 0}


def formula() -> spot.Dataset:
    """The data that the bindings of all languages use."""
    images = bytearray(
        (image * 31 + pixel * 7 + image % 10 * 53) % 256 for image in range(320) for pixel in range(28 * 28)
    )
    labels = bytearray(image % 10 for image in range(320))
    return spot.Dataset.from_arrays(memoryview(images).cast("B", (320, 28, 28)), labels, classes=10)


def main(volume: str, steps: int, model: str) -> None:
    seen = 0

    def count(event: spot.Event) -> None:
        nonlocal seen
        seen += 1

    with spot.Trainer(spot.Config(SETTINGS, volume=volume, steps=steps, model=model), formula()) as trainer:
        trainer.set_callback(count, spot.EventKind.STEP)
        result = trainer.run()
    assert seen == result.step == steps
    print(f"{result.seconds:.6f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])

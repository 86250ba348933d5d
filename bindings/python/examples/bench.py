#!/usr/bin/env python3
"""What a step callback costs: trains STEPS steps of the smallest model with one, and prints the seconds.

    bench.py VOLUME STEPS
"""

import sys

import spot_trainer as spot

SETTINGS = {"dataset": "synthetic", "model": "mlp", "batch_size": 16, "metadata": "none", "checkpoint_seconds": 0}


def main(volume: str, steps: int) -> None:
    seen = 0

    def count(event: spot.Event) -> None:
        nonlocal seen
        seen += 1

    with spot.Trainer(spot.Config(SETTINGS, volume=volume, steps=steps)) as trainer:
        trainer.set_callback(count, spot.EventKind.STEP)
        result = trainer.run()
    assert seen == result.step == steps
    print(f"{result.seconds:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

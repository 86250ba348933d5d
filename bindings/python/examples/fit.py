#!/usr/bin/env python3
"""A loop like Keras's fit(), for those who want to hold the reins: epochs, callbacks, a history, early stopping.

    fit.py VOLUME [DATASET [EPOCHS]]

`Trainer.run()` does more: it hears of interruptions, writes logs and saves by the clock. This loop saves after each
epoch, and goes on from there when it is started again.
"""

import sys
from typing import Callable, Dict, List

import spot_trainer as spot

History = Dict[str, List[float]]


def fit(
    trainer: spot.Trainer, epochs: int, callbacks: List[Callable[[int, Dict[str, float]], bool]]
) -> History:
    """Trains up to `epochs` epochs. Each callback is told of an epoch; one that answers True ends training."""
    history: History = {}
    steps = trainer.info().steps_per_epoch
    for epoch in range(trainer.info().epochs_done + 1, epochs + 1):
        left = epoch * steps - trainer.info().step  # fewer than an epoch's, after an interruption in the middle
        trained = trainer.step(left)
        tested = trainer.evaluate(spot.Split.TEST)
        logs = {
            "loss": trained.loss,
            "accuracy": trained.accuracy,
            "test_loss": tested.loss,
            "test_accuracy": tested.accuracy,
        }
        trainer.checkpoint()
        for name, value in logs.items():
            history.setdefault(name, []).append(value)
        if any([callback(epoch, logs) for callback in callbacks]):
            break
    return history


def show(epoch: int, logs: Dict[str, float]) -> bool:
    print(f"epoch {epoch}:", ", ".join(f"{name} {value:.4f}" for name, value in logs.items()))
    return False


class EarlyStopping:
    """Ends training when the test loss has not improved for `patience` epochs."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = float("inf")
        self.waited = 0

    def __call__(self, epoch: int, logs: Dict[str, float]) -> bool:
        self.waited = 0 if logs["test_loss"] < self.best else self.waited + 1
        self.best = min(self.best, logs["test_loss"])
        return self.waited >= self.patience


def main(volume: str, dataset: str = "mnist", epochs: str = "3") -> None:
    config = spot.Config(volume=volume, dataset=dataset, model="light-cnn", metadata="none")
    with spot.Trainer(config) as trainer:
        try:
            trainer.restore()
        except spot.NotFoundError:
            pass  # there is nothing to go on from
        try:
            fit(trainer, int(epochs), [show, EarlyStopping(patience=2)])
        except KeyboardInterrupt:
            trainer.checkpoint()  # in the middle of an epoch
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])

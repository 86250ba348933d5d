"""How runs end from outside: by signals, and with the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import unittest
from typing import Any, Callable, List

import spot_trainer as spot
from support import Interruption, TestCase, agent, at_step, ctrl_c_while_it_waits, finished, python

LONG = 1_000_000  # steps that no test waits for


class Signals(TestCase):
    def kill_at(self, step: int, number: int = signal.SIGINT, times: int = 1) -> Callable[[spot.Event], Any]:
        def kill() -> None:
            for _ in range(times):
                os.kill(os.getpid(), number)

        return at_step(step, kill)

    def handle(self, number: int, handler: Any) -> None:
        self.addCleanup(signal.signal, number, signal.signal(number, handler))

    def test_the_host_s_own_handler_decides(self) -> None:
        seen: List[int] = []
        self.handle(signal.SIGUSR1, lambda number, frame: seen.append(number))
        trainer = self.trainer(steps=20)
        trainer.set_callback(self.kill_at(5, signal.SIGUSR1), spot.EventKind.STEP)
        self.assertEqual(trainer.run().reason, spot.RunReason.DONE)
        self.assertEqual(seen, [signal.SIGUSR1])

    def test_whatever_a_handler_raises_saves(self) -> None:
        self.handle(signal.SIGTERM, lambda number, frame: sys.exit(9))
        trainer = self.trainer(steps=LONG)
        trainer.set_callback(self.kill_at(5, signal.SIGTERM), spot.EventKind.STEP)
        with self.assertRaises(SystemExit):
            trainer.run()
        assert trainer.last_result is not None
        self.assertTrue(trainer.last_result.durable)

    def test_ctrl_c_in_every_long_call(self) -> None:
        trainer = self.trainer()
        poller = spot.Poller(self.config())
        queue = spot.LogQueue()
        calls: List[Callable[[], Any]] = [
            lambda: trainer.step(LONG),
            poller.wait,
            lambda: list(poller.notices()),
            queue.next,
            lambda: spot.benchmark(self.config(), self.data, seconds=1e6),
        ]
        for each in calls:
            with self.assertRaises(KeyboardInterrupt):
                sender = ctrl_c_while_it_waits()
                each()
            sender.join()

    def test_many_ctrl_c_change_nothing(self) -> None:
        trainer = self.trainer(steps=LONG)
        over = threading.Event()

        def pester() -> None:
            while not over.is_set():
                if trainer.progress().step > 5:
                    os.kill(os.getpid(), signal.SIGUSR1)
                time.sleep(0.0003)

        def handler(number: int, frame: Any) -> None:
            if not over.is_set():
                raise KeyboardInterrupt

        self.handle(signal.SIGUSR1, handler)
        thread = threading.Thread(target=pester)
        thread.start()
        try:
            with self.assertRaises(KeyboardInterrupt):
                try:
                    trainer.run()
                finally:
                    over.set()
        finally:
            over.set()
            thread.join()
        assert trainer.last_result is not None
        self.assertTrue(trainer.last_result.durable)

    def test_ctrl_c_wherever_it_comes(self) -> None:
        trainer = self.trainer(steps=LONG, epochs=LONG)
        trainer.set_callback(lambda event: None, spot.EventKind.STEP)
        calls: List[Callable[[], Any]] = [
            trainer.run,
            lambda: [trainer.step() for _ in range(LONG)],
            lambda: list(trainer.events(events=spot.EventKind.STEP)),
            lambda: [spot.Trainer(self.config(), self.data) for _ in range(LONG)],
        ]
        for number, each in enumerate(calls):
            for place in range(60):  # more than there are before the first answer to an event
                with self.subTest(call=number, place=place):
                    with self.assertRaises(KeyboardInterrupt), Interruption(place) as interruption:
                        interruption.begin()
                        each()
                    trainer.step()  # nothing has it any more

    def test_a_second_ctrl_c_wherever_it_comes(self) -> None:
        trainer = self.trainer(steps=LONG, epochs=LONG)
        came = 0
        for place in range(10):  # more than there are
            with self.subTest(place=place):
                with self.assertRaises(KeyboardInterrupt), Interruption(place) as interruption:

                    def first(event: spot.Event) -> None:
                        interruption.begin()
                        raise KeyboardInterrupt

                    trainer.set_callback(first, spot.EventKind.STEP)
                    trainer.run()
                came += interruption.came
                assert trainer.last_result is not None
                self.assertTrue(trainer.last_result.durable)
                trainer.set_callback(None)
                trainer.step()
        self.assertGreater(came, 3)

    def test_the_agent_stops_in_time(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                settings = ["dataset=synthetic", "model=mlp", "batch_size=16", "metadata=none", f"steps={LONG}"]
                process = agent(self.volume, *settings)
                assert process.stderr is not None
                process.stderr.readline()
                process.send_signal(number)
                code, out, err = finished(process)
                self.assertEqual(code, 75, err)
                self.assertRegex(out, '"reason": "cancelled".*"durable": true')


class EndOfTheProcess(TestCase):
    SETUP = """
import io, os, sys, threading, time
import spot_trainer as spot
from support import dataset
config = spot.Config(volume=sys.argv[1], model="mlp", batch_size=16, metadata="none", steps=1000000)
trainer = spot.Trainer(config, dataset())
"""

    def run_script(self, script: str, expected: int = 0, volume: str = "") -> str:
        code, out, err = finished(python("-c", self.SETUP + script, volume or self.volume))
        self.assertEqual((code, err), (expected, ""))
        return out

    def test_daemon_threads(self) -> None:
        for _ in range(5):
            self.run_script(
                """
begun = threading.Event()
trainer.set_callback(lambda event: begun.set(), spot.EventKind.STEP)
model = spot.Model.open_trainer(trainer)
image = bytes(784)
def predict():
    while True: model.predict(image)
poller = spot.Poller(config)
for work in (trainer.run, predict, predict, poller.wait):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
"""
            )

    def test_what_daemon_threads_train_is_saved(self) -> None:
        works = {
            "run": "trainer.run()",
            "events": "for event in trainer.events(events=spot.EventKind.STEP): begun.set()",
            "bar": "trainer.run(progress=io.StringIO())",
            "step": "trainer.step(1000000)",
        }
        for name, work in works.items():
            volume = self.new_volume(name)
            script = f"""
begun = threading.Event()
trainer.set_callback(lambda event: begun.set(), spot.EventKind.STEP)
def work():
    {work}
    print("not to be seen")
threading.Thread(target=work, daemon=True).start()
begun.wait()
"""
            with self.subTest(name):
                self.assertEqual(self.run_script(script, volume=volume), "")
                if name != "step":
                    self.assertGreater(spot.Checkpoint.open(volume).info().step, 0)

    def test_a_callback_that_never_returns(self) -> None:
        self.run_script(
            """
import spot_trainer._trainer_call
spot_trainer._trainer_call._CALLBACKS_MAY_TAKE = 0.1
begun = threading.Event()
def stay(event):
    begun.set()
    threading.Event().wait()
trainer.set_callback(stay, spot.EventKind.STEP)
threading.Thread(target=trainer.run, daemon=True).start()
begun.wait()
"""
        )

    def test_one_call_after_the_other(self) -> None:
        self.run_script(
            """
begun = threading.Event()
trainer.set_callback(lambda event: begun.set(), spot.EventKind.STEP)
def work():
    while True: trainer.step()
threading.Thread(target=work, daemon=True).start()
begun.wait()
"""
        )

    def test_kept_to_the_last(self) -> None:
        for _ in range(3):
            self.run_script("import builtins; builtins.kept = trainer; trainer.step(2)")

    def test_a_loop_in_the_middle_is_saved(self) -> None:
        self.run_script("events = trainer.events(events=spot.EventKind.STEP)\nnext(events), next(events)\n")
        self.assertGreaterEqual(spot.Checkpoint.open(self.volume).info().step, 2)

    def test_everything_still_open(self) -> None:
        script = """
poller = spot.Poller(config); cancel = spot.Cancel(); queue = spot.LogQueue(); trainer.step(2)
trainer.cycle = trainer; model = spot.Model.open_trainer(trainer); trainer.checkpoint()
"""
        self.run_script(script)

    def test_logging_to_the_last(self) -> None:
        script = """
def slowly(level, message):
    time.sleep(0.05)
    print(message, flush=True)
config.set_log(slowly)
trainer = spot.Trainer(config, dataset())
trainer.step(1); trainer.checkpoint()
"""
        for _ in range(3):
            self.assertIn("is durable", self.run_script(script))

    def test_atexit(self) -> None:
        self.run_script("import atexit; atexit.register(trainer.checkpoint); trainer.step(3)")
        self.assertEqual(spot.Checkpoint.open(self.volume).info().step, 3)

    def test_fork(self) -> None:
        script = """
child = os.fork()
if child == 0:
    try: trainer.step()
    except spot.ForkedError: pass
    with spot.Trainer(spot.Config(model="mlp", batch_size=16, metadata="none"), dataset()) as own: own.step(2)
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
        code, _, err = finished(python("-W", "ignore::DeprecationWarning", "-c", self.SETUP + script, self.volume))
        self.assertEqual((code, err), (0, ""))

    def test_fork_in_a_loop(self) -> None:
        script = """
for event in trainer.events(events=spot.EventKind.STEP):
    if event.step == 2:
        child = os.fork()
        if child == 0:
            try: trainer.step()
            except spot.ForkedError: sys.exit(7)
            sys.exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        break
sys.exit(code)
"""
        code, _, err = finished(python("-W", "ignore::DeprecationWarning", "-c", self.SETUP + script, self.volume))
        self.assertEqual((code, err), (7, ""))


if __name__ == "__main__":
    unittest.main()

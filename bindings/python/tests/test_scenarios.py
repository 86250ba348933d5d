"""The scenarios that every binding passes, with the same names."""

from __future__ import annotations

import json
import logging
import logging.handlers
import math
import os
import shutil
import signal
import subprocess
import threading
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, List, Tuple

import spot_trainer as spot
from support import TestCase, agent, at_step, ctrl_c_while_it_waits, finished, images, labels, python

LONG = 1_000_000  # steps that no test waits for


class Kept(bytearray):
    """Memory whose end can be seen."""


class Scenarios(TestCase):
    def test_train(self) -> None:
        hashes = []
        for threads in (1, 2):
            config = self.config(volume=self.new_volume(str(threads)), threads=threads)
            with spot.Trainer(config, self.data) as trainer:
                result = trainer.run()
            self.assertEqual(result.reason, spot.RunReason.DONE)
            self.assertEqual((result.step, result.epoch, result.durable, result.resumed), (30, 2, True, False))
            self.assertTrue(os.path.exists(result.model_path))
            hashes.append(result.state_hash)
        self.assertEqual(hashes[0], hashes[1])

    def test_notice(self) -> None:
        with spot.Poller(self.config()) as poller:
            trainer = self.trainer(steps=LONG)
            trainer.set_callback(
                at_step(5, lambda: poller.notify(spot.Action.TERMINATE, detail="of the test", seconds_left=120)),
                spot.EventKind.STEP,
            )
            result = trainer.run(poller)
        self.assertEqual(result.reason, spot.RunReason.INTERRUPTED)
        self.assertTrue(result.durable)
        self.assertGreater(result.notice_to_durable_ms, 0)
        self.assertLess(result.seconds_left, 120)
        self.assertGreater(result.seconds_left, 60)
        trainer.close()
        end = result.step + 5
        again = self.trainer(steps=end).run()
        self.assertEqual((again.reason, again.resumed), (spot.RunReason.DONE, True))
        self.assertEqual(again.state_hash, self.hash_after(end))

    def test_kill(self) -> None:
        keys = ["dataset=synthetic", "model=mlp", "batch_size=16", "metadata=none", "checkpoint_steps=20"]
        first = agent(self.volume, *keys, f"steps={LONG}")
        assert first.stderr is not None
        with first:
            for _ in first.stderr:
                try:
                    spot.Checkpoint.open(self.volume)
                    break
                except spot.NotFoundError:
                    pass
            first.kill()
        self.assertEqual(first.wait(), -signal.SIGKILL)
        end = spot.Checkpoint.open(self.volume).info().step + 45
        whole = self.new_volume("whole")
        answers = []
        for volume in (self.volume, whole):
            code, out, err = finished(agent(volume, *keys, f"steps={end}"))
            self.assertEqual(code, 0, err)
            answers.append(json.loads(out.splitlines()[-1]))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual((answers[0]["reason"], answers[0]["step"], answers[0]["durable"]), ("done", end, True))

    def test_resume(self) -> None:
        trainer = self.trainer()
        trainer.set_callback(at_step(7, lambda: spot.Answer.STOP), spot.EventKind.STEP)
        stopped = trainer.run()
        self.assertEqual((stopped.reason, stopped.step, stopped.durable), (spot.RunReason.STOPPED, 7, True))
        trainer.close()
        result = self.trainer().run()
        self.assertTrue(result.resumed)
        self.assertEqual(result.state_hash, self.hash_after(30))

    def test_fence(self) -> None:
        first = self.trainer(steps=LONG, checkpoint_steps=5)
        under_way = threading.Event()
        first.set_callback(at_step(10, under_way.set), spot.EventKind.STEP)
        with ThreadPoolExecutor() as pool:
            run = pool.submit(first.run)
            self.assertTrue(under_way.wait(60))
            second = self.trainer(takeover=True, steps=LONG)
            second.checkpoint()
            with self.assertRaises(spot.FencedError) as fenced:
                run.result(60)
        self.assertEqual(fenced.exception.code, spot.Status.FENCED)
        self.assertIn("writer", str(fenced.exception))

    def test_cancel(self) -> None:
        trainer = self.trainer(steps=LONG)
        interrupted = []

        def interrupt(event: spot.Event) -> None:
            if not interrupted:
                interrupted.append(event.step)
                os.kill(os.getpid(), signal.SIGINT)

        trainer.set_callback(interrupt, spot.EventKind.STEP)
        with self.assertRaises(KeyboardInterrupt):
            trainer.run()
        result = trainer.last_result
        assert result is not None
        self.assertEqual((result.reason, result.durable), (spot.RunReason.CANCELLED, True))
        self.assertGreater(result.step, 0)
        self.assertEqual(spot.Checkpoint.open(self.volume).info().step, result.step)

        # The first trainer has the volume: another one waits for it.
        waiting = self.trainer(lease_wait_seconds=1000)
        with self.assertRaises(KeyboardInterrupt):
            sender = ctrl_c_while_it_waits(lambda: waiting.progress().running)
            waiting.run()
        sender.join()
        assert waiting.last_result is not None
        self.assertEqual((waiting.last_result.reason, waiting.last_result.step), (spot.RunReason.CANCELLED, 0))

        # Without signals: an object that any thread may trigger.
        cancel = spot.Cancel()
        trainer.set_callback(at_step(result.step + 3, cancel.trigger), spot.EventKind.STEP)
        self.assertEqual(trainer.run(cancel=cancel).reason, spot.RunReason.CANCELLED)
        with self.assertRaises(spot.CancelledError):
            waiting.checkpoint(cancel=cancel)
        cancel.reset()
        self.assertFalse(cancel.is_triggered())
        self.assertEqual(trainer.step(2, cancel=cancel).steps, 2)

    def test_bad_input(self) -> None:
        with self.assertRaises(spot.ConfigError) as unknown:
            self.config(bath_size=3)
        self.assertIn("bath_size", str(unknown.exception))
        self.assertIn("batch_size", str(unknown.exception))  # what was meant
        with self.assertRaises(ValueError) as bounds:
            self.config(batch_size=0)
        self.assertIn("batch_size", str(bounds.exception))
        with self.assertRaises(spot.InvalidArgumentError) as size:
            spot.Dataset.from_arrays(images(20), labels(19))
        self.assertIn("label", str(size.exception))
        with self.assertRaises(spot.InvalidArgumentError) as kind:
            spot.Dataset.from_arrays(memoryview(bytearray(8 * 784)).cast("d", shape=[1, 28, 28]), labels(1))
        self.assertIn("train_images", str(kind.exception))
        with self.assertRaises(spot.DataError):
            spot.Dataset.from_arrays(images(20), labels(20), classes=5)

        trainer = self.trainer(steps=3)
        trainer.run()
        path = trainer.checkpoint().path
        model = spot.Model.open_trainer(trainer)
        with self.assertRaises(spot.InvalidArgumentError):
            model.predict(bytes(785))
        with self.assertRaises(FileNotFoundError):
            spot.Checkpoint.open(os.path.join(self.volume, "nowhere"))
        with self.assertRaises(spot.NotFoundError):
            trainer.read_tensor("nothing")
        damaged = os.path.join(self.folder, "damaged.spck")
        shutil.copy(path, damaged)
        with open(damaged, "r+b") as file:
            file.seek(5000)
            byte = file.read(1)
            file.seek(5000)
            file.write(bytes([byte[0] ^ 1]))
        with self.assertRaises(spot.CorruptError) as corrupt:
            spot.Checkpoint.open(damaged)
        self.assertIn("damaged.spck", str(corrupt.exception))
        self.assertEqual(spot.verify(damaged).bad, 1)
        trainer.close()
        with self.assertRaisesRegex(ValueError, "this Trainer is closed"):
            trainer.step()

    def test_own_data(self) -> None:
        count = 64
        for channels, element in ((3, "B"), (1, "f"), (3, "f")):
            with self.subTest(channels=channels, element=element):
                bytes_each = 28 * 28 * channels * (4 if element == "f" else 1)
                memory = Kept(count * bytes_each)
                if element == "f":
                    memoryview(memory).cast("f")[:] = memoryview(
                        bytearray().join(b"\0\0\x80\x3f" if i % 3 else b"\0\0\0\x3f" for i in range(len(memory) // 4))
                    ).cast("f")
                else:
                    memory[:] = images(count, channels).cast("B")
                released: List[int] = []
                weakref.finalize(memory, released.append, 1)
                shape = [count, 28, 28, channels]
                data = spot.Dataset.from_arrays(
                    memoryview(memory).cast("B").cast(element, shape=shape), labels(count), classes=12
                )
                del memory
                info = data.info()
                self.assertEqual((info.channels, info.classes, info.test_samples), (channels, 12, 0))
                config = self.config(volume=self.new_volume(f"{channels}{element}"), steps=4)
                trainer = spot.Trainer(config, data)
                data.close()
                result = trainer.run()
                self.assertEqual(result.reason, spot.RunReason.DONE)
                self.assertTrue(math.isnan(result.test_accuracy))
                with self.assertRaises(spot.OrderError):
                    trainer.evaluate(spot.Split.TEST)
                self.assertEqual(released, [])
                trainer.close()
                self.assertEqual(released, [1])

    def test_predict(self) -> None:
        trainer = self.trainer()
        trainer.run()
        prefix = os.path.join(self.folder, "exported")
        trainer.export(prefix)
        models = [
            spot.Model.open(self.volume),
            spot.Model.open_checkpoint(spot.Checkpoint.open(self.volume)),
            spot.Model.open_trainer(trainer),
            spot.Model.open(prefix + ".json"),
            spot.Model.open(prefix + ".safetensors"),
        ]
        some = images(64)
        expected = memoryview(models[0].predict(some)).tobytes()
        self.assertEqual(len(expected), 64 * 10 * 4)
        self.assertAlmostEqual(sum(memoryview(models[0].predict(some)).cast("B").cast("f")), 64, places=3)
        with ThreadPoolExecutor(8) as pool:
            for model in models:
                for probabilities in pool.map(model.predict, [some] * 8):
                    self.assertEqual(memoryview(probabilities).tobytes(), expected)
        many = models[0].predict(images(1600))  # as many as are interrupted by Ctrl-C
        self.assertEqual(memoryview(many).tobytes()[: len(expected)], expected)

    def test_poller(self) -> None:
        with spot.Poller(self.config()) as poller:
            with self.assertRaises(TimeoutError):
                poller.wait(timeout=0)
            seen: Tuple[SimpleQueue[str], SimpleQueue[str]] = (SimpleQueue(), SimpleQueue())

            def watch(details: SimpleQueue[str]) -> None:
                for notice in poller.notices():
                    details.put(notice.detail)

            threads = [threading.Thread(target=watch, args=(details,)) for details in seen]
            for thread in threads:
                thread.start()
            first = poller.notify(spot.Action.REBALANCE, "test", "one")
            second = poller.notify(spot.Action.STOP, "test", "two", seconds_left=30)
            poller.withdraw(first)
            with self.assertRaises(spot.NotFoundError):
                poller.withdraw(first)
            known = list(poller.notices(timeout=0))
            self.assertEqual([n.id for n in known], [first, second, first])
            self.assertTrue(math.isnan(known[0].seconds_left))
            self.assertLess(known[1].seconds_left, 30)
            self.assertEqual((known[1].source, known[1].ends_run, known[2].withdrawn), ("test", True, True))
            self.assertEqual(poller.wait().id, first)
            self.assertTrue(poller.health().disabled)
            for details in seen:
                self.assertEqual([details.get(timeout=60) for _ in range(3)], ["one", "two", "one"])
        for thread in threads:  # closing the poller ends their waits
            thread.join(60)
            self.assertFalse(thread.is_alive())

    def test_memory(self) -> None:
        trainer = self.trainer()
        trainer.step(5)
        data = trainer.serialize()
        checkpoint = spot.Checkpoint.open_memory(data)
        self.assertEqual((checkpoint.info().step, checkpoint.info().path), (5, ""))
        other = spot.Trainer(self.config(), self.data)
        other.restore_from(checkpoint)
        self.assertEqual(other.state_hash(), trainer.state_hash())
        self.assertEqual(checkpoint.info().state_hash, trainer.state_hash())

    def test_log(self) -> None:
        received: SimpleQueue[Tuple[spot.LogLevel, str]] = SimpleQueue()
        config = self.config(steps=2)
        config.set_log(lambda level, message: received.put((level, message)), spot.LogLevel.DEBUG)
        spot.Trainer(config, self.data).run()
        queue = spot.LogQueue(spot.LogLevel.INFO)
        config.set_log_queue(queue)
        config["steps"] = 4
        spot.Trainer(config, self.data).run()
        config.set_log(None)
        queued = []
        with self.assertRaises(TimeoutError):
            while True:
                queued.append(queue.next(timeout=0))
        self.assertIn(spot.LogLevel.INFO, [level for level, _ in queued])
        self.assertNotIn(spot.LogLevel.DEBUG, [level for level, _ in queued])
        self.assertIn("durable", "".join(message for _, message in queued))
        levels = set()
        while not {spot.LogLevel.INFO, spot.LogLevel.DEBUG} <= levels:
            levels.add(received.get(timeout=60)[0])

        handler = logging.handlers.QueueHandler(logged := SimpleQueue[logging.LogRecord]())
        logger = logging.getLogger("spot_trainer")  # where it goes by itself
        self.addCleanup(logger.removeHandler, handler)
        logger.addHandler(handler)
        self.addCleanup(logger.setLevel, logger.level)
        logger.setLevel(logging.INFO)
        spot.Trainer(self.config(steps=6), self.data).run()
        while "(final) is durable" not in logged.get(timeout=60).getMessage():
            pass

        waiting = threading.Thread(target=lambda: list(queue))
        waiting.start()
        queue.close()
        waiting.join(60)
        self.assertFalse(waiting.is_alive())

    def test_version(self) -> None:
        if shutil.which("cc") is None:
            self.skipTest("there is no C compiler")
        for number, what in ((2 * 65536, "2.0"), (65535, "0.65535")):
            stub = os.path.join(self.folder, f"libspot_trainer.so.{what}")
            source = f"unsigned spot_abi_version(void) {{ return {number}u; }}"
            subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", stub], input=source, text=True, check=True)
            code, _, err = finished(python("-c", "import spot_trainer", SPOT_TRAINER_LIBRARY=stub))
            self.assertEqual(code, 1)
            for part in ("ImportError", stub, f"ABI {what}", "1.0"):
                self.assertIn(part, err)
        self.assertEqual(spot.abi_version()[0], 1)
        code, _, err = finished(python("-c", "import spot_trainer", SPOT_TRAINER_LIBRARY="/nowhere.so"))
        self.assertIn("ImportError: /nowhere.so", err)
        self.assertIn("SPOT_TRAINER_LIBRARY", err)


if __name__ == "__main__":
    unittest.main()

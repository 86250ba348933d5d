"""What people expect of a Python library: callbacks, generators, threads, logs, arrays."""

from __future__ import annotations

import gc
import io
import math
import os
import pty
import re
import sys
import threading
import time
import unittest
import weakref
from queue import SimpleQueue
from typing import Any, Callable, Dict, List

import spot_trainer as spot
from support import EXAMPLES, HERE, TestCase, agent, at_step, finished, images
from support import labels, python, threads_since

LONG = 1_000_000  # steps that no test waits for

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

with_numpy = unittest.skipIf(numpy is None, "there is no NumPy")


class Callbacks(TestCase):
    def test_on_the_thread_that_calls(self) -> None:
        threads = set()
        trainer = self.trainer(steps=5)
        trainer.set_callback(lambda event: threads.add(threading.get_ident()))
        trainer.run()
        self.assertEqual(threads, {threading.get_ident()})

        threads.clear()
        idents = []
        trainer.close()
        trainer = self.trainer(steps=9)

        def work() -> None:
            idents.append(threading.get_ident())
            trainer.set_callback(lambda event: threads.add(threading.get_ident()))
            trainer.run()

        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        self.assertEqual(threads, set(idents))

    def test_an_exception_saves_and_passes(self) -> None:
        for on_main_thread in (True, False):
            with self.subTest(on_main_thread):
                trainer = self.trainer(volume=self.new_volume(str(on_main_thread)), steps=LONG)
                raised: List[BaseException] = []

                def work() -> None:
                    trainer.set_callback(at_step(4, lambda: 1 // 0), spot.EventKind.STEP)
                    try:
                        trainer.run()
                    except ZeroDivisionError as error:
                        raised.append(error)

                if on_main_thread:
                    work()
                else:
                    thread = threading.Thread(target=work)
                    thread.start()
                    thread.join()
                self.assertEqual(len(raised), 1)
                assert trainer.last_result is not None
                self.assertTrue(trainer.last_result.durable)
                self.assertEqual(trainer.info().step, 4)

    def test_fail(self) -> None:
        trainer = self.trainer(steps=LONG)
        trainer.set_callback(at_step(4, lambda: spot.Answer.FAIL), spot.EventKind.STEP)
        with self.assertRaises(spot.CallbackError):
            trainer.run()
        self.assertIsNone(trainer.last_result)
        with self.assertRaises(spot.CallbackError) as failed:
            trainer.set_callback(at_step(6, lambda: spot.Answer.FAIL), spot.EventKind.STEP)
            trainer.step(10)
        assert failed.exception.metrics is not None
        self.assertEqual(failed.exception.metrics.steps, 2)

    def test_events_in_order(self) -> None:
        trainer = self.trainer(steps=21)
        kinds = [event.kind for event in trainer.events()]
        self.assertEqual(kinds[0], spot.EventKind.RUN_BEGIN)
        self.assertEqual(kinds[-1], spot.EventKind.RUN_END)
        self.assertEqual(kinds.count(spot.EventKind.STEP), 21)
        self.assertIn(spot.EventKind.EPOCH_END, kinds)
        assert trainer.last_result is not None
        self.assertEqual(trainer.last_result.reason, spot.RunReason.DONE)

    def test_leaving_the_loop_saves(self) -> None:
        trainer = self.trainer(steps=LONG)
        for event in trainer.events(events=spot.EventKind.STEP):
            if event.step == 3:
                with self.assertRaises(spot.BusyError):
                    trainer.step()
                with self.assertRaises(spot.BusyError):
                    trainer.state_hash()
                self.assertEqual(trainer.info().step, 3)
                break
        assert trainer.last_result is not None
        self.assertEqual((trainer.last_result.durable, trainer.last_result.step), (True, 3))
        with self.assertRaises(OverflowError):
            for event in trainer.events(events=spot.EventKind.STEP):
                raise OverflowError
        self.assertEqual(trainer.last_result.step, 4)

    def test_request_checkpoint(self) -> None:
        trainer = self.trainer(steps=20)
        with self.assertRaises(spot.OrderError):
            trainer.request_checkpoint()
        saved = [
            event.save_reason
            for event in trainer.events()
            if (event.kind == spot.EventKind.STEP and event.step == 3 and trainer.request_checkpoint())
            or event.kind == spot.EventKind.CHECKPOINT
        ]
        self.assertIn(spot.SaveReason.REQUEST, saved)


class Log(TestCase):
    def test_a_receiver_that_is_replaced_ends(self) -> None:
        before = set(threading.enumerate())
        received: SimpleQueue[str] = SimpleQueue()
        config = self.config()
        for number in range(20):
            config.set_log(lambda level, message, number=number: received.put(f"{number}: {message}"))
        with spot.Trainer(config, self.data) as trainer:
            config.set_log(None)
            while len(threads_since(before)) > 1:  # that of the trainer's receiver
                time.sleep(0.001)
            trainer.checkpoint()
            while not re.match("19: .*is durable", received.get(timeout=60)):
                pass
        for thread in threads_since(before):
            thread.join(60)
            self.assertFalse(thread.is_alive())

    def test_what_waits_is_handed_on(self) -> None:
        going = threading.Event()
        received: SimpleQueue[str] = SimpleQueue()

        def receive(level: spot.LogLevel, message: str) -> None:
            going.wait()
            received.put(message)

        config = self.config()
        config.set_log(receive)
        with spot.Trainer(config, self.data) as trainer:
            trainer.checkpoint()
        config.set_log(None)
        going.set()
        while "is durable" not in received.get(timeout=60):
            pass

    def test_a_receiver_may_have_the_trainer(self) -> None:
        class Application:
            def __init__(self, config: spot.Config, data: spot.Dataset) -> None:
                config.set_log(self.receive)
                self.trainer = spot.Trainer(config, data)

            def receive(self, level: spot.LogLevel, message: str) -> None:
                pass

        before = set(threading.enumerate())
        ended = threading.Event()
        weakref.finalize(Application(self.config(), self.data), ended.set)
        while not ended.is_set():  # its thread may be in receive()
            gc.collect()
        for thread in threads_since(before):
            thread.join(60)
            self.assertFalse(thread.is_alive())


class Arrays(TestCase):
    @with_numpy
    def test_numpy_in_without_a_copy(self) -> None:
        pixels = numpy.asarray(images(320))
        references = sys.getrefcount(pixels)
        data = spot.Dataset.from_arrays(pixels[..., 0], numpy.arange(320) % 10, name="formula")
        self.assertGreater(sys.getrefcount(pixels), references)
        data.close()
        self.assertEqual(sys.getrefcount(pixels), references)
        pixels.flags.writeable = False
        with spot.Dataset.from_arrays(pixels, numpy.arange(320)[:, None] % 10) as read_only:
            self.assertEqual(read_only.info().fingerprint, self.fingerprint_without_tests())
        with self.assertRaisesRegex(spot.InvalidArgumentError, "train_images has gaps.*ascontiguousarray"):
            spot.Dataset.from_arrays(pixels[:, ::2], numpy.arange(320) % 10)
        with self.assertRaisesRegex(ValueError, r"float64.*astype\('float32'\)"):
            spot.Dataset.from_arrays(pixels / 255, numpy.arange(320) % 10)

    def test_channels_first(self) -> None:
        def shaped(*shape: int) -> memoryview:
            return memoryview(bytes(math.prod(shape))).cast("B", shape=shape)

        expected = {
            (64, 28, 20): (28, 20, 1),
            (64, 28, 20, 3): (28, 20, 3),
            (64, 1, 28, 20): (28, 20, 1),  # PyTorch's, where the bytes lie as they do here
            (64, 28, 1, 1): (28, 1, 1),
        }
        for shape, image in expected.items():
            with self.subTest(shape), spot.Dataset.from_arrays(shaped(*shape), labels(64)) as data:
                self.assertEqual((data.info().rows, data.info().columns, data.info().channels), image)
        for shape in ((64, 3, 28, 20), (64, 8, 28, 20), (64, 28, 28, 28)):
            with self.subTest(shape):
                with self.assertRaises(spot.InvalidArgumentError) as refused:
                    spot.Dataset.from_arrays(shaped(*shape), labels(64))
                for part in ("train_images", str(shape), "train_images.transpose(0, 2, 3, 1)", f"channels={shape[3]}"):
                    self.assertIn(part, str(refused.exception))
        with self.assertRaisesRegex(ValueError, r"test_images.*\(64, 3, 28, 20\).*transpose"):
            spot.Dataset.from_arrays(shaped(64, 28, 20, 3), labels(64), shaped(64, 3, 28, 20), labels(64))
        for channels, shape in ((20, (64, 1, 28, 20)), (28, (64, 28, 28, 28)), (1, (64, 1, 28, 4))):
            with spot.Dataset.from_arrays(shaped(*shape), labels(64), channels=channels) as data:
                self.assertEqual(data.info().channels, channels)
        for shape in ((64, 3, 28, 20), (64, 28, 20), (64, 28, 20, 1)):
            with self.assertRaisesRegex(ValueError, "channels, 5|columns, 5"):
                spot.Dataset.from_arrays(shaped(*shape), labels(64), channels=5)

        gray = spot.Model.open_trainer(self.trainer())
        for shape in ((2, 28, 28), (2, 28, 28, 1), (2, 1, 28, 28), (28, 28), (28, 28, 1), (2, 784), (1568,)):
            self.assertEqual(memoryview(gray.predict(shaped(*shape))).shape, (math.prod(shape) // 784, 10))
        with self.assertRaisesRegex(ValueError, r"\(2, 14, 56\).*\[count, 28, 28, 1\]"):
            gray.predict(shaped(2, 14, 56))
        colours = spot.Dataset.from_arrays(images(64, 3), labels(64))
        with spot.Trainer(spot.Config(model="mlp", batch_size=16, metadata="none"), colours) as trainer:
            model = spot.Model.open_trainer(trainer)
        for shape in ((2, 28, 28, 3), (28, 28, 3), (2, 2352)):
            self.assertEqual(memoryview(model.predict(shaped(*shape))).shape, (math.prod(shape) // 2352, 10))
        for shape in ((2, 3, 28, 28), (3, 28, 28)):
            with self.assertRaisesRegex(ValueError, r"images.*28, 3\].*images\.transpose\(0, 2, 3, 1\)"):
                model.predict(shaped(*shape))

    def fingerprint_without_tests(self) -> str:
        return spot.Dataset.from_arrays(images(320), labels(320)).info().fingerprint

    @with_numpy
    def test_tensors(self) -> None:
        trainer = self.trainer()
        name = trainer.tensors()[0].name
        values = trainer.read_tensor(name)
        self.assertEqual((values.shape, values.dtype), (trainer.tensors()[0].shape, numpy.float32))
        trainer.write_tensor(name, values * 2)
        out = numpy.empty(values.size, dtype="float32")
        self.assertIs(trainer.read_tensor(name, out=out), out)
        numpy.testing.assert_array_equal(out, values.ravel() * 2)
        everything = trainer.read_tensor()
        self.assertEqual(everything.shape, (trainer.info().state_size,))
        numpy.testing.assert_array_equal(everything[: values.size], out)
        self.assertEqual(trainer.confusion().sum(), 64)
        self.assertEqual(trainer.statistics()[0]["name"], name)

    def test_without_numpy(self) -> None:
        script = """
import sys; sys.modules["numpy"] = None
from test_python import *
numpy = None
trainer = spot.Trainer(spot.Config(model="mlp", batch_size=16, metadata="none"), spot.Dataset.from_arrays(
    memoryview(images(32).tobytes()).cast("B", shape=[32, 28, 28, 1]), bytes(i % 10 for i in range(32))))
trainer.step(3)
tensor = trainer.read_tensor("dense1.weight")
assert tensor.shape == (512, 784) and tensor.format == "f" and tensor[511, 783] != 0
trainer.write_tensor("dense1.weight", tensor)
probabilities = spot.Model.open_trainer(trainer).predict(bytes(784 * 2))
assert probabilities.shape == (2, 10) and abs(sum(probabilities[1, i] for i in range(10)) - 1) < 1e-5
assert sum(map(sum, trainer.confusion(spot.Split.TRAIN))) == 32
"""
        code, _, err = finished(python("-c", script))
        self.assertEqual((code, err), (0, ""))

    def test_beside_torch(self) -> None:
        code = """
import sys
for name in sys.argv[1:]: __import__(name)
import torch
import spot_trainer as spot
from support import images, labels
torch.nn.Conv2d(1, 8, 3)(torch.rand(4, 1, 28, 28)).sum().backward()
data = spot.Dataset.from_arrays(torch.frombuffer(images(320), dtype=torch.uint8).reshape(320, 28, 28), labels(320))
trainer = spot.Trainer(spot.Config(model="light-cnn", batch_size=16, metadata="none"), data)
trainer.step(5)
torch.nn.Conv2d(1, 8, 3)(torch.rand(4, 1, 28, 28)).sum().backward()
print(trainer.state_hash())
"""
        script = os.path.join(self.folder, "beside.py")
        with open(script, "w") as file:
            file.write(code)
        first, out, err = finished(python("-W", "ignore", "-c", "import torch"))
        if first != 0:
            self.skipTest("there is no PyTorch")
        hashes = set()
        for order in (("torch", "spot_trainer"), ("spot_trainer", "torch")):
            first, out, err = finished(python("-W", "ignore", script, *order), 300)
            self.assertEqual(first, 0, err)
            hashes.add(out)
        data = spot.Dataset.from_arrays(images(320), labels(320))
        alone = spot.Trainer(spot.Config(model="light-cnn", batch_size=16, metadata="none"), data)
        alone.step(5)
        self.assertEqual(hashes, {alone.state_hash() + "\n"})


class Configuration(TestCase):
    def test_is_like_a_dict(self) -> None:
        config = spot.Config({"epochs": 3}, learning_rate=0.05, nesterov=True, volume=self.volume)
        self.assertEqual((config["epochs"], config["learning_rate"], config["nesterov"]), (3, 0.05, True))
        self.assertEqual((config["volume"], config["seed"]), (self.volume, 1))
        self.assertIs(type(config["learning_rate"]), float)
        del config["epochs"]
        self.assertEqual(config["epochs"], 12)
        self.assertEqual(set(dict(config)), {key["name"] for key in spot.describe()})
        copy = config.copy()
        copy["learning_rate"] = "1e-3"
        self.assertEqual((copy["learning_rate"], config["learning_rate"]), (0.001, 0.05))
        self.assertIn("'nesterov': True", repr(config))
        self.assertNotIn("epochs", repr(config))
        with self.assertRaisesRegex(spot.ConfigError, "nothing"):
            config["nothing"]

    def test_zero_bytes(self) -> None:
        config, trainer = self.config(), self.trainer()
        poller = spot.Poller(config)
        path = self.volume + "\0/elsewhere"
        calls: Dict[str, Callable[[], Any]] = {
            "volume": lambda: spot.Config(volume=path),
            "key": lambda: config["volume\0"],
            "path": lambda: spot.Checkpoint.open(path),
            "path 'b": lambda: spot.verify(path.replace(self.volume, "b")),
            "path '/": lambda: spot.Model.open(path.encode()),
            "the path": lambda: trainer.export(path),
            "path ": lambda: trainer.restore(path),
            "name": lambda: trainer.read_tensor("dense1.weight\0"),
            "name ": lambda: spot.Dataset.from_arrays(images(1), labels(1), name="a\0b"),
            "source": lambda: poller.notify(spot.Action.STOP, source="a\0"),
            "detail": lambda: poller.notify(spot.Action.STOP, detail="a\0"),
        }
        for word, each in calls.items():
            with self.subTest(word), self.assertRaisesRegex(ValueError, rf"{word}.*\\x00.*contains a zero byte"):
                each()

    def test_everything_is_there(self) -> None:
        trainer = self.trainer(steps=3)
        trainer.run()
        checkpoint = spot.Checkpoint.open(self.volume)
        self.assertEqual(checkpoint.config()["batch_size"], 16)
        self.assertEqual(checkpoint.describe()["step"], 3)
        found = spot.volume_check(self.config(), trainer)
        self.assertEqual(found.outcome, spot.Status.OK)
        self.assertTrue(all(check["status"] in ("ok", "warn") for check in found.checks))
        self.assertIn("onednn", spot.build_info()["libraries"])
        measured = spot.benchmark(self.config(), self.data, seconds=0.1)
        self.assertGreater(measured["train_samples_per_second"], 0)


class People(TestCase):
    """Progress, README and examples."""

    def test_progress_in_a_file(self) -> None:
        file = io.StringIO()
        self.trainer(steps=45).run(progress=file)
        text = file.getvalue()
        self.assertRegex(text, r"^run \S+ begins at step 0\nepoch 1: loss [\d.]+, accuracy: training [\d.]+%, test ")
        self.assertTrue(text.endswith("done at step 45\n"))
        self.assertNotIn("\r", text)

    def test_progress_in_a_terminal(self) -> None:
        leader, follower = pty.openpty()
        seen = bytearray()

        def read() -> None:
            try:
                while True:
                    seen.extend(os.read(leader, 4096))
            except OSError:  # the other end is closed
                pass

        reader = threading.Thread(target=read)
        reader.start()
        with os.fdopen(follower, "w") as terminal:
            self.trainer(steps=240).run(progress=terminal)
        reader.join(10)
        os.close(leader)
        text = seen.decode()
        self.assertRegex(text, r"[\r\n]\[#* *\] +\d+% step \d+/240 epoch \d+ loss [\d.]+ ")
        self.assertRegex(text, r"(\r *\r|\n)done at step 240\r\n$")

    def test_progress_on_another_thread(self) -> None:
        seen: SimpleQueue[str] = SimpleQueue()

        class File(io.StringIO):
            def write(self, text: str) -> int:
                seen.put(text)
                return len(text)

        trainer = self.trainer(steps=LONG)
        threads = set()
        trainer.set_callback(lambda event: threads.add(threading.get_ident()), spot.EventKind.STEP)
        cancel = spot.Cancel()
        thread = threading.Thread(target=lambda: trainer.run(cancel=cancel, progress=File()))
        thread.start()
        self.assertRegex(seen.get(timeout=60), "begins at step 0")  # while it trains
        cancel.trigger()
        thread.join()
        self.assertEqual(threads, {thread.ident})

    def test_a_terminal_that_is_gone(self) -> None:
        file = io.StringIO()
        file.close()
        self.assertEqual(self.trainer(steps=5).run(progress=file).reason, spot.RunReason.DONE)

    def test_the_readme_runs(self) -> None:
        with open(os.path.join(HERE, "../README.md")) as file:
            blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
        self.assertGreaterEqual(len(blocks), 2)
        script = "\n".join(blocks).replace("/mnt/data", self.volume).replace('dataset="mnist"', 'dataset="synthetic"')
        code, out, err = finished(python("-c", script), 300)
        self.assertEqual(code, 0, err)
        self.assertIn("DONE", out)

    def test_examples(self) -> None:
        code, out, err = finished(python(os.path.join(EXAMPLES, "bench.py"), self.volume, "20", "mlp"))
        self.assertEqual(code, 0, err)
        self.assertGreater(float(out), 0)
        code, out, err = finished(python(os.path.join(EXAMPLES, "fit.py"), self.new_volume("fit"), "synthetic", "2"))
        self.assertEqual(code, 0, err)
        self.assertIn("epoch 2", out)
        code, out, err = finished(agent(self.volume))
        self.assertEqual(code, 1)
        code, out, err = finished(agent(self.volume, "steps=-1"))
        self.assertEqual(code, 1)
        self.assertIn("agent.py: ", err)
        self.assertIn("steps", err)


if __name__ == "__main__":
    unittest.main()

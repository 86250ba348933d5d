"""Row 28: an interruption before the first step, whatever the run is waiting for then."""
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading
import time

import harness

PATIENCE = 10  # seconds; on an idle machine it takes a tenth of one
NOTHING_LOST = "interrupted before the first step; nothing was lost; run the same command again"


def kmnist_files():
    """Files of the right shape, which are all that can be checked of a dataset whose digests nobody publishes."""
    files = {}
    for split, count in (("train", 60000), ("t10k", 10000)):
        images = bytearray(count * 784)
        for i in range(count):
            images[i * 784 + i % 10 * 28:i * 784 + i % 10 * 28 + 28] = bytes([200]) * 28
        files[f"{split}-images-idx3-ubyte.gz"] = struct.pack(">4I", 0x803, count, 28, 28) + images
        files[f"{split}-labels-idx1-ubyte.gz"] = struct.pack(">2I", 0x801, count) + bytes(i % 10 for i in range(count))
    return {name: gzip.compress(content, 1) for name, content in files.items()}


class Mirror(http.server.ThreadingHTTPServer):
    """Sends its files at so many bytes a second, from where it is asked to; at no rate it never answers."""
    daemon_threads = True

    def __init__(self, files, rate):
        self.files, self.rate = files, rate
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if not self.server.rate:
            time.sleep(1000)
        content = self.server.files[self.path.strip("/")]
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        with contextlib.suppress(OSError):
            for at in range(begin, len(content), 400):
                self.wfile.write(content[at:at + 400])
                time.sleep(400 / self.server.rate)

    def log_message(self, *_):
        pass


class Runs:
    """spotctl on volumes of its own."""

    def __init__(self, context, folder):
        self.context, self.folder, self.volumes = context, pathlib.Path(folder), 0
        self.spotctl = context.program("spotctl", "examples/spotctl")
        harness.write_dataset(self.folder / "data", 320)

    def volume(self):
        self.volumes += 1
        volume = self.folder / f"volume-{self.volumes}"
        volume.mkdir()
        return volume

    def command(self, volume, *flags, command="train"):
        return [self.spotctl, command, "--volume", volume, *(["--json"] if command != "predict" else []), "-v", *flags]

    def train(self, volume, *flags, data=None, steps=100000):
        return self.command(volume, "--dataset", data or self.folder / "data", "--model", "mlp", "--batch-size", 16,
                            "--threads", 1, "--code-version", "none", "--steps", steps, "--epochs", 10000,
                            "--metadata", f"file:{volume}.notice", "--poll-seconds", 0.05, *flags)

    def start(self, command, **environment):
        return Process(self.context, command, environment)


class Process:
    def __init__(self, context, command, environment):
        self.context, self.out, self.err = context, "", ""
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **{k: str(v) for k, v in environment.items()}})
        self.threads = [threading.Thread(target=self._read, args=name) for name in (("stdout", "out"), ("stderr", "err"))]
        for thread in self.threads:
            thread.start()

    def _read(self, stream, name):
        for line in getattr(self.process, stream):
            setattr(self, name, getattr(self, name) + line)

    def wait_for(self, text):
        found = harness.wait_until(lambda: text in self.err or text in self.out or self.process.poll() is not None, 60)
        self.context.check(found and self.process.poll() is None, f"it says '{text}': {self}")

    def end(self, seconds=60):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise harness.Failure(f"it does not end: {self.process.args} {self}") from None
        finally:
            for thread in self.threads:
                thread.join()
        return self.process.returncode

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def __str__(self):
        return f"code {self.process.poll()}, stdout {self.out[-300:]!r}, stderr {self.err[-600:]!r}"


def by_signal(*numbers):
    def interrupt(process, _):
        for number in numbers:
            process.process.send_signal(number)
    return interrupt


def by_notice(_, volume):
    pathlib.Path(f"{volume}.notice").write_text("maintenance\n")


INTERRUPTIONS = {"TERM": by_signal(signal.SIGTERM), "INT": by_signal(signal.SIGINT),
                 "INT twice": by_signal(signal.SIGINT, signal.SIGINT), "a notice": by_notice}


def check_interrupted(context, process, volume, interrupt, what):
    """It ends at once, says that nothing was lost, and nothing half-done has a final name."""
    begin = time.monotonic()
    interrupt(process, volume)
    code = process.end()
    took = time.monotonic() - begin
    context.check(code == 75, f"{what}: 75: {process}")
    context.check(took < PATIENCE, f"{what}: ended after {took:.1f} s")
    context.check(NOTHING_LOST in process.err, f"{what}: {process}")
    end = process.events[-1]
    context.check(end["event"] == "end" and end["reason"] == "interrupted" and end["durable"] is True, f"{what}: {end}")
    unfinished = [p.name for p in (volume / "datasets").glob(".*")]
    context.check(not unfinished, f"{what}: left behind: {unfinished}")
    context.count("interruptions before the first step")


def interrupted_downloads(context, runs, files):
    for what, rate, words in (("a mirror of 4 kB/s", 4000, "fetching"), ("a mirror that never answers", 0, "fetching")):
        mirror = Mirror(files, rate)
        for name, interrupt in INTERRUPTIONS.items():
            volume = runs.volume()
            process = runs.start(runs.train(volume, "--dataset-mirrors", mirror.url, data="kmnist"))
            process.wait_for(words)
            time.sleep(0.4)
            check_interrupted(context, process, volume, interrupt, f"{what}, {name}")
        for command in ("eval", "doctor", "bench") if rate else ():
            volume = runs.volume()
            flags = ["--dataset", "kmnist", "--dataset-mirrors", mirror.url, "--metadata", "none"]
            if command == "eval":
                ended = runs.start(runs.train(volume, "--metadata", "none", steps=2))
                context.check(ended.end() == 0, f"something to evaluate: {ended}")
            process = runs.start(runs.command(volume, *flags, command=command))
            harness.wait_until(lambda v=volume: any((v / "datasets").glob("*.part")))
            begin = time.monotonic()
            process.process.terminate()
            code = process.end()
            context.check(code in (-signal.SIGTERM, 128 + signal.SIGTERM), f"{command}, {what}: {process}")
            context.check(time.monotonic() - begin < PATIENCE, f"{command}, {what}: ends at once")
        mirror.shutdown()


def goes_on_with_a_download(context, runs, files):
    """What had arrived is not fetched again."""
    volume = runs.volume()
    mirror = Mirror(files, 20000)
    process = runs.start(runs.train(volume, "--dataset-mirrors", mirror.url, data="kmnist", steps=3))
    part = volume / "datasets" / "kmnist-train-images-idx3-ubyte.gz.part"
    context.check(harness.wait_until(lambda: part.exists() and part.stat().st_size > 4000), "something arrives")
    check_interrupted(context, process, volume, by_signal(signal.SIGTERM), "a download that is to go on")
    arrived = part.stat().st_size
    context.check(arrived >= 4000, "what had arrived is kept")
    mirror.rate = 10**9
    whole = runs.start(runs.train(volume, "--dataset-mirrors", mirror.url, data="kmnist", steps=3))
    context.check(whole.end() == 0, f"the same command goes on: {whole}")


def interrupted_lease_wait(context, runs):
    for name, interrupt in INTERRUPTIONS.items():
        volume = runs.volume()
        frozen = runs.start(runs.train(volume, "--json-step-seconds", 0))
        frozen.wait_for('"event":"step"')
        frozen.process.send_signal(signal.SIGSTOP)
        process = runs.start(runs.train(volume, "--lease-wait-seconds", 1000))
        process.wait_for("waiting for")
        check_interrupted(context, process, volume, interrupt, f"waiting for a frozen writer, {name}")
        frozen.process.kill()
        frozen.process.send_signal(signal.SIGCONT)
        frozen.end()


def interrupted_restore(context, runs):
    """A disk that takes half a second a MiB: ten seconds and more for the file."""
    slow = {"LD_PRELOAD": context.program("slow_read.so"), "SLOW_READ_MS": "500"}
    volume = runs.volume()
    first = runs.start(runs.train(volume, "--model", "keras-cnn", "--dataset", "synthetic", steps=2))
    context.check(first.end() == 0, f"something to restore: {first}")
    for name, interrupt in INTERRUPTIONS.items():
        pathlib.Path(f"{volume}.notice").unlink(missing_ok=True)
        process = runs.start(runs.train(volume, "--model", "keras-cnn", "--dataset", "synthetic", steps=4), **slow)
        begun = harness.wait_until((volume / "checkpoints" / "restoring").exists)  # the count of attempts
        context.check(begun, f"a restore begins: {process}")
        time.sleep(0.3)
        check_interrupted(context, process, volume, interrupt, f"restoring, {name}")
    last = runs.start(runs.train(volume, "--model", "keras-cnn", "--dataset", "synthetic", steps=4, data="synthetic"))
    pathlib.Path(f"{volume}.notice").unlink(missing_ok=True)
    context.check(last.end() == 0 and last.events[0]["resumed"], f"nothing was lost: {last}")


def row_28(context):
    with harness.scratch(harness.memory()) as folder:
        runs, files = Runs(context, folder), kmnist_files()
        interrupted_downloads(context, runs, files)
        goes_on_with_a_download(context, runs, files)
        interrupted_lease_wait(context, runs)
        interrupted_restore(context, runs)


def durable_step(process):
    """The last step that was said to be durable."""
    steps = [e["step"] for e in process.events
             if e["event"] == "checkpoint" and e["status"] == "SPOT_OK"
             or e["event"] == "end" and e.get("durable") and e["step"] is not None]
    return max(steps, default=0)


def any_moment(context):
    """TERM at random moments of a run's life, from exec to exit, with a slow mirror and a slow disk."""
    with harness.scratch(harness.memory()) as folder:
        runs, mirror = Runs(context, folder), Mirror(kmnist_files(), 150000)
        slow = {"LD_PRELOAD": context.program("slow_read.so"), "SLOW_READ_MS": "100"}
        volume, durable, longest = runs.volume(), 0, 4.0
        for moment in range(context.amount(12, 100)):
            process = runs.start(runs.train(volume, "--dataset-mirrors", mirror.url, "--checkpoint-steps", 20,
                                            data="kmnist", steps=400), **slow)
            delay = context.random.uniform(0, longest)
            time.sleep(delay)
            begin = time.monotonic()
            process.process.terminate()
            code = process.end()
            took = time.monotonic() - begin
            what = f"TERM after {delay:.2f} s, moment {moment}: {process}"
            # Before main() nobody hears signals yet.
            context.check(code in (0, 75) or (code == -signal.SIGTERM and not process.out + process.err), what)
            context.check(took < 2 + PATIENCE, f"ended after {took:.1f} s, {what}")
            start = [e for e in process.events if e["event"] == "start"]
            if start:
                context.check(start[0]["step"] >= durable, f"step {durable} was durable, {what}")
            durable = max(durable, durable_step(process))
            context.count(f"exit codes {code}")
            if code == 0:
                volume, durable = runs.volume(), 0
                context.count("runs that came to their end")


ROWS = {"28": ("an interruption before the first step", row_28),
        "28b": ("TERM at any moment", any_moment)}

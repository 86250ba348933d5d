"""Row 28: an interruption before the first step, whatever the run is waiting for then."""
import contextlib
import gzip
import http.server
import pathlib
import shutil
import signal
import threading
import time

import harness
from idx import idx
from program import Program

SOON = 30  # seconds; on an idle machine it takes a tenth of one, and what is waited for here takes longer than this
NOTHING_LOST = "interrupted before the first step; nothing was lost; run the same command again"


def kmnist_files():
    """Files of the right shape, which are all that can be checked of a dataset whose digests nobody publishes."""
    files = {}
    for split, count in (("train", 60000), ("t10k", 10000)):
        images = bytearray(count * 784)
        for i in range(count):
            images[i * 784 + i % 10 * 28:i * 784 + i % 10 * 28 + 28] = bytes([200]) * 28
        files[f"{split}-images-idx3-ubyte.gz"] = idx([count, 28, 28], images)
        files[f"{split}-labels-idx1-ubyte.gz"] = idx([count], (i % 10 for i in range(count)))
    return {name: gzip.compress(content, 1) for name, content in files.items()}


class Mirror(http.server.ThreadingHTTPServer):
    """Sends its files at so many bytes a second, from where it is asked to; at no rate it never answers."""
    daemon_threads = True

    def __init__(self, files, rate):
        self.files, self.rate, self.sent = files, rate, []
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
            self.server.sent.append(self.path.strip("/"))

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
        return Program(command, {name: str(value) for name, value in environment.items()})

    def wait_for(self, process, text):
        self.context.check(process.says(text) and process.code is None, f"it says '{text}': {process}")


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
    context.check(took < SOON, f"{what}: ended after {took:.1f} s")
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
            runs.wait_for(process, words)
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
            context.check(time.monotonic() - begin < SOON, f"{command}, {what}: ends at once")
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
        runs.wait_for(frozen, '"event":"step"')
        frozen.process.send_signal(signal.SIGSTOP)
        process = runs.start(runs.train(volume, "--lease-wait-seconds", 1000))
        runs.wait_for(process, "waiting for")
        check_interrupted(context, process, volume, interrupt, f"waiting for a frozen writer, {name}")
        frozen.kill()


def interrupted_restore(context, runs):
    """A disk that takes seconds for a MiB: a minute and more for the file."""
    slow = {"LD_PRELOAD": context.program("slow_read.so"), "SLOW_READ_MS": 3000}
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
    with harness.scratch(harness.memory(500)) as folder:
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


class Life:
    """One run of 100 steps with a mirror and a disk of its own speed, and what can be seen of it from outside."""
    STEPS = 100

    def __init__(self, runs, volume, files, rate, steps):
        self.volume, self.mirror = volume, Mirror(files, rate)
        (volume / "checkpoints" / "restoring").unlink(missing_ok=True)  # of a life that ended while it restored
        slow = volume / "slow"  # from the start on
        slow.touch()
        libraries = ":".join(runs.context.program(name) for name in ("slow_read.so", "slow_sync.so"))
        self.run = runs.start(
            runs.train(volume, "--dataset-mirrors", self.mirror.url, "--checkpoint-steps", 20, data="kmnist", steps=steps),
            LD_PRELOAD=libraries, SLOW_READ_MS=100, SLOW_SYNC_MS=100, SLOW_SYNC_FROM=slow)

    def holds(self, pattern):
        return any(self.volume.glob(pattern))

    def said(self, text):
        return any(text in line for line in self.run.lines["stdout"])

    def ends(self):
        return self.run.code is not None

    def close(self):
        self.run.kill()
        self.mirror.shutdown()


# How each phase of a life is seen to begin, in their order. A life on a new volume restores nothing; one on a volume
# that was used fetches nothing.
PHASES = {
    "start-up": lambda life: True,
    "download": lambda life: life.holds("datasets/*.part"),
    "unpacking": lambda life: "train-images-idx3-ubyte.gz" in life.mirror.sent,
    "restore": lambda life: life.holds("checkpoints/restoring"),
    "training": lambda life: life.said(b'"event":"start"'),
    "save": lambda life: life.holds("checkpoints/writer-*/save-*"),
    "training after a save": lambda life: life.said(b'"event":"checkpoint"'),
    "exit": lambda life: life.said(b'"reason":"final"'),
}
ON_A_NEW_VOLUME = [phase for phase in PHASES if phase != "restore"]
ON_A_USED_VOLUME = [phase for phase in PHASES if phase not in ("download", "unpacking")]


def pass_through(life, phases):
    """Follows a life up to the beginning of the last of the phases; when each began."""
    began = []
    for phase in phases:
        harness.wait_until(lambda phase=phase: PHASES[phase](life) or life.ends())
        began.append(time.monotonic())
    return began


def lengths(context, life, phases):
    """How long each phase takes in a life that nobody disturbs."""
    began = pass_through(life, phases)
    context.check(life.run.code is None, f"an undisturbed life goes through {phases}: {life.run}")
    context.check(life.run.end() == 0, f"an undisturbed life: {life.run}")
    life.close()
    return dict(zip(phases, (end - begin for begin, end in zip(began, [*began[1:], time.monotonic()]))))


def check_ended(context, life, phase, took, what):
    code = life.run.code
    # Before main() nobody hears signals yet.
    unheard = phase == "start-up" and code == -signal.SIGTERM and not life.run.out + life.run.err
    context.check(code in (0, 75) or unheard, what)
    context.check(took < SOON, f"ended after {took:.1f} s, {what}")
    context.count(f"TERM drawn in {phase}: exit code {code}")


def any_moment(context):
    """TERM at random moments of every phase of a run's life, with a slow mirror and a slow disk."""
    slow, fast = 150_000, 10**9  # bytes a second
    with harness.scratch(harness.memory(500)) as folder:
        runs, files = Runs(context, folder), kmnist_files()
        used = runs.volume()
        new_volume = lengths(context, Life(runs, used, files, slow, Life.STEPS), ON_A_NEW_VOLUME)
        durable = Life.STEPS
        used_volume = lengths(context, Life(runs, used, files, fast, durable + Life.STEPS), ON_A_USED_VOLUME)
        durable += Life.STEPS
        for _ in range(context.amount(2, 12)):
            for phase in PHASES:
                is_new = phase in ("start-up", "download", "unpacking")
                phases, measured = (ON_A_NEW_VOLUME, new_volume) if is_new else (ON_A_USED_VOLUME, used_volume)
                volume, before = (runs.volume(), 0) if is_new else (used, durable)
                life = Life(runs, volume, files, slow if phase == "download" else fast, before + Life.STEPS)
                pass_through(life, phases[:phases.index(phase) + 1])
                delay = context.random.uniform(0, measured[phase])
                time.sleep(delay)
                life.run.process.terminate()
                sent = time.monotonic()
                life.run.end()
                what = f"TERM {delay:.3f} s after {phase} began: {life.run}"
                check_ended(context, life, phase, time.monotonic() - sent, what)
                start = life.run.last("start")
                context.check(not start or start["step"] >= before, f"step {before} was durable, {what}")
                if is_new:
                    shutil.rmtree(volume)
                else:
                    durable = max(durable, durable_step(life.run))
                life.close()


ROWS = {"28": ("an interruption before the first step", row_28),
        "28b": ("TERM at a random moment of every phase", any_moment)}

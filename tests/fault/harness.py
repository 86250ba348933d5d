"""What all rows of the fault tests share: programs, volumes, the uninterrupted run, counting, skipping."""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

from idx import idx

PATIENCE = 120  # seconds until what should have happened counts as missing; a loaded machine is slow


class Skip(Exception):
    """Something that this machine does not offer; the row says so and goes on."""


class Failure(Exception):
    """A promise that was not kept."""


class Context:
    """One row's run: where the programs are, the random numbers, how much to do, what was counted."""

    def __init__(self, build, row, seed, long):
        self.build, self.row, self.seed, self.long = pathlib.Path(build).resolve(), row, seed, long
        self.random = random.Random(f"{seed}/{row}")
        self.counts, self.skipped, self.controls = {}, [], []

    def program(self, name, folder="tests/fault"):
        path = self.build / folder / name
        if not path.exists():
            raise Skip(f"{name} is not built")
        return str(path)

    def amount(self, short, long):
        return long if self.long else short

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def check(self, condition, what):
        if not condition:
            raise Failure(what)

    def control(self, what, failed):
        """A run with the fault that the row must notice; `failed` says that it did."""
        if not failed:
            raise Failure(f"the control did not fail, so this row shows nothing: {what}")
        self.controls.append(what)

    @contextlib.contextmanager
    def part(self):
        """A part of a row that may be skipped on its own."""
        try:
            yield
        except Skip as reason:
            self.skipped.append(str(reason))


_started = []


def start(command, **options):
    """A process that is killed when the scratch folder in use goes, so that a test that fails leaves none behind."""
    _started.append(subprocess.Popen([*map(str, command)], **options))
    return _started[-1]


@contextlib.contextmanager
def scratch(parent=None):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="spot-fault-", dir=parent))
    before = len(_started)
    try:
        yield folder
    finally:
        for process in _started[before:]:
            kill(process)
            process.wait()
        del _started[before:]
        shutil.rmtree(folder, ignore_errors=True)


def memory(megabytes=100):
    """Where files cost nothing, for what needs no real disk. None, the temporary folder, where there is less room."""
    shared = "/dev/shm"
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > megabytes * 10**6
    return shared if roomy else None


def write_dataset(folder, train=1600, test=40, side=12):
    """Small IDX files: class c is a bright column c on a fixed pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", test)):
        images = bytearray()
        for i in range(count):
            for pixel in range(side * side):
                noise = (i * 7919 + pixel * 104729) % 251 // 2
                images.append(128 + noise if pixel % side == i % 10 else noise)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx([count, side, side], images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx([count], (i % 10 for i in range(count))))


def write_model(path, *hidden):
    layers = [{"type": "flatten"}] + [layer for units in hidden for layer in ({"type": "dense", "units": units},
                                                                              {"type": "relu"})]
    path.write_text(json.dumps({"name": "tiny", "layers": layers + [{"type": "dense", "units": 10}]}))


class Told:
    """The lines that a save_driver said, and how it ended."""

    def __init__(self, text, code, errors=""):
        self.code, self.errors, self.text = code, errors, text
        # A killed process leaves its last line unfinished, and whatever it meant to say unsaid.
        self.lines = [line.split(" ") for line in text[:text.rfind("\n") + 1].splitlines()]

    def all(self, word):
        return [line[1:] for line in self.lines if line[0] == word]

    def last(self, word):
        found = self.all(word)
        return found[-1] if found else None

    @property
    def acknowledged(self):
        """(step, hash) of the last save that returned."""
        last = self.last("acknowledged")
        return (int(last[0]), last[2]) if last else None

    @property
    def at(self):
        last = self.last("at")
        return (int(last[0]), last[1]) if last else None

    def __str__(self):
        return f"exit code {self.code}: {' / '.join(self.text.splitlines()[-3:])} {self.errors.strip()[-300:]}"


class Bench:
    """A dataset, a model and the save_driver; makes volumes and knows every state of the uninterrupted run."""

    def __init__(self, context, folder, *hidden, optimizer="adam", train=1600):
        self.context, self.folder = context, pathlib.Path(folder)
        self.driver = context.program("save_driver")
        self.settings = [f"dataset={self.folder}/data", f"model={self.folder}/model.json", "batch_size=16",
                         "threads=1", "shards=1", "metadata=none", "run_id=fault", "code_version=none",
                         f"optimizer={optimizer}"]
        write_dataset(self.folder / "data", train)
        write_model(self.folder / "model.json", *hidden)
        self.hashes = {}

    def volume(self, name):
        path = self.folder / name
        path.mkdir()
        return path

    def command(self, volume, steps, *options, settings=()):
        return [self.driver, "--steps", str(steps), *map(str, options), str(volume), *self.settings, *settings]

    def run(self, volume, steps, *options, settings=(), injector=(), environment=None, timeout=120):
        process = subprocess.run([*injector, *self.command(volume, steps, *options, settings=settings)],
                                 stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                                 env={**os.environ, **(environment or {})}, check=False)
        return Told(process.stdout, process.returncode, process.stderr)

    def start(self, volume, steps, *options, settings=(), injector=(), environment=None):
        return start([*injector, *self.command(volume, steps, *options, settings=settings)], stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})})

    def expected(self, step):
        """The state's hash after `step` steps that nothing disturbed."""
        if step not in self.hashes:
            with scratch(self.folder) as nowhere:
                told = self.run(nowhere, max(2 * step, 500), "--hashes")
            self.context.check(told.code == 0, f"the uninterrupted run ends well: {told}")
            self.hashes = {int(s): h for s, h in told.all("hash")}
            self.hashes[0] = told.at[1]
        return self.hashes[step]

    def check_resume(self, told, floor, what):
        """`told` is of a run on a volume whose last acknowledged step was `floor` (0: none)."""
        check = self.context.check
        check(told.at is not None, f"{what}: the volume can be resumed: {told}")
        step, found = told.at
        check(step >= floor, f"{what}: acknowledged step {floor} is lost, resumed at {step}: {told}")
        check(found == self.expected(step), f"{what}: the state of step {step} is {found}, not {self.expected(step)}")

    def check_acknowledged(self, told, what):
        """Each state that was acknowledged is the uninterrupted run's."""
        for step, _, found in told.all("acknowledged"):
            self.context.check(found == self.expected(int(step)), f"{what}: step {step} has state {found}")

    def check_whole(self, volume, what, steps=0):
        """Every published file verifies; the run can go on for three steps, to the bytes of the uninterrupted."""
        steps = steps + 3
        told = self.run(volume, steps, "--verify")
        self.context.check(told.code == 0 and told.last("verified"), f"{what}: it goes on: {told}")
        self.context.check(told.last("verified")[1] == "0", f"{what}: no damaged file is left behind: {told}")
        self.context.check(told.last("end")[1] == self.expected(steps), f"{what}: ends in the uninterrupted bytes")
        return told


class Injector:
    """Builds command lines of fault_inject and reads what it says."""

    def __init__(self, context):
        self.path = context.program("fault_inject")

    def __call__(self, call, action="kill", only=None, on=None, times=1):
        command = [self.path, "--call", str(call), "--times", str(times), "--action", action]
        if only:
            command += ["--only", only]
        if on:
            command += ["--on", on]
        return command

    @staticmethod
    def hit(told):
        """The name of the call that was met; nothing when the program ended before."""
        words = told.errors.strip().splitlines()
        if words and words[-1].startswith("injected "):
            return words[-1].split(" ")[1]
        if "ptrace is not to be had" in told.errors:
            raise Skip("ptrace is not permitted here")
        return None


def contents(folder):
    """Names, kinds, modes and bytes of everything below a folder, as one comparable value."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        data = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        found[str(path.relative_to(folder))] = (oct(info.st_mode), info.st_size if data else 0, data)
    return found


def published(volume):
    return sorted(p.name for p in (volume / "checkpoints").glob("ckpt-*.spck"))


def kill(process):
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)


def wait_until(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False

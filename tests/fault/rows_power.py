"""Row 12: power cuts. The file system is shut down in mid-run, without writing back its log or its cache, unmounted
and mounted again: what is on the volume then is what a disk would hold after a power cut."""
import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time

import harness

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN, the same number
NO_LOG_FLUSH = 2
DETACHED = 2
FILE_SYSTEMS = {"ext4": (64, ["mkfs.ext4", "-q", "-F"]), "xfs": (320, ["mkfs.xfs", "-q", "-f"])}
libc = ctypes.CDLL(None, use_errno=True)


class LoopVolume:
    """A file system in a file, on a loop device."""

    def __init__(self, kind, folder):
        if os.geteuid() != 0:
            raise harness.Skip(f"power cuts on {kind}: only root may mount")
        megabytes, self.make = FILE_SYSTEMS[kind]
        if shutil.which(self.make[0]) is None:
            raise harness.Skip(f"power cuts on {kind}: {self.make[0]} is not installed")
        self.kind, self.path, self.device, self.mounted = kind, folder / f"{kind}-mount", None, False
        self.startup = 0.02  # seconds that a process needs to resume; measured anew all the time
        image = folder / f"{kind}.image"
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        self.path.mkdir()
        found = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise harness.Skip(f"power cuts on {kind}: no loop device here")
        self.device = found.stdout.strip()

    def __enter__(self):
        try:
            self.format()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.mounted:
            libc.umount2(str(self.path).encode(), DETACHED)
        subprocess.run(["losetup", "--detach", self.device], check=False, capture_output=True)

    def format(self):
        if self.mounted:
            self.unmount()
        subprocess.run([*self.make, self.device], check=True, capture_output=True)
        self.mount()
        (self.path / "volume").mkdir(exist_ok=True)
        self.sync()

    def mount(self):
        if libc.mount(self.device.encode(), str(self.path).encode(), self.kind.encode(), 0, None) != 0:
            code = ctypes.get_errno()
            if code in (errno.EPERM, errno.ENODEV, errno.EACCES):
                raise harness.Skip(f"power cuts on {self.kind}: mounting is not possible here")
            raise harness.Failure(f"{self.kind} cannot be mounted again: {os.strerror(code)}")
        self.mounted = True

    def unmount(self):
        for _ in range(500):
            if libc.umount2(str(self.path).encode(), 0) == 0:
                self.mounted = False
                return
            time.sleep(0.002)
        raise harness.Failure(f"cannot unmount {self.path}: {os.strerror(ctypes.get_errno())}")

    def sync(self):
        folder = os.open(self.path, os.O_RDONLY)
        libc.syncfs(folder)
        os.close(folder)

    def cut(self):
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as error:
            raise harness.Skip(f"power cuts on {self.kind}: no shutdown call here ({error.strerror})") from error
        finally:
            os.close(folder)


def waiting(pipe):
    """What is in the pipe, without waiting for more."""
    chunks = []
    try:
        while chunk := os.read(pipe.fileno(), 65536):
            chunks.append(chunk)
    except BlockingIOError:
        pass
    return b"".join(chunks).decode()


def one_life(context, bench, disk, floor, environment):
    """Resumes, saves, loses power at a random moment. Returns the newest step that must be there from now on."""
    pause = context.random.choice((0, 0, 300, 3000))
    process = bench.start(disk.path / "volume", floor + 100000, "--pause-us", pause, environment=environment,
                          settings=(f"keep_last={context.random.choice((2, 3, 5))}",))
    os.set_blocking(process.stdout.fileno(), False)
    try:
        # Whole lives from the first system call on, most of them with some saves behind them.
        time.sleep(context.random.uniform(0, 2 * disk.startup + 0.06))
        ended = process.poll()
        # What is told after the power is gone reaches nobody, so it is no promise. (The kernel's shutdown is not as
        # sudden as a power cut: a sync on its way may still return success without having written anything.)
        before = waiting(process.stdout)
        disk.cut()
    finally:
        harness.kill(process)
        process.wait()
        after = waiting(process.stdout)
        process.communicate()
        disk.unmount()
        disk.mount()
    told = harness.Told(before + after, process.returncode)
    promised = harness.Told(before, None).acknowledged
    floor = promised[0] if promised else floor
    what = f"power cut on {disk.kind}"
    context.check(ended is None and told.code != 65, f"{what}: {told}")
    bench.check_acknowledged(told, what)
    began = time.monotonic()
    bench.check_resume(bench.run(disk.path / "volume", 0), floor, what)
    disk.startup = time.monotonic() - began
    return floor


def cuts(context, bench, disk, number, environment=None):
    """So many power cuts, a new file system every fifty."""
    floor = 0
    for cut in range(number):
        floor = one_life(context, bench, disk, floor, environment)
        if cut % 50 == 49 or cut + 1 == number:
            volume = disk.path / "volume"
            after = bench.run(volume, 0)
            bench.check_resume(after, floor, f"after {cut + 1} power cuts on {disk.kind}")
            bench.check_whole(volume, f"after power cuts on {disk.kind}", after.at[0])
            disk.format()
            floor = 0
        if environment is None:
            context.count(f"power cuts on {disk.kind}")


def control(context, bench, disk, kind):
    """Without that sync an acknowledged checkpoint must be missing or damaged some time."""
    environment = {"LD_PRELOAD": context.program("drop_sync.so"), "DROP_SYNC": kind}
    for attempt in range(1, 201):
        try:
            cuts(context, bench, disk, 5, environment)
        except harness.Failure:
            context.control(f"without the {kind}'s sync {disk.kind} loses within {5 * attempt} cuts", True)
            disk.format()
            return
    context.control(f"without the {kind}'s sync on {disk.kind}", False)


def row(context):
    for kind in FILE_SYSTEMS:
        with context.part(), harness.scratch(harness.memory(500)) as folder:
            bench = harness.Bench(context, folder)
            with LoopVolume(kind, folder) as disk:
                control(context, bench, disk, "file")
                control(context, bench, disk, "directory")
                cuts(context, bench, disk, context.amount(60, 1100))


ROWS = {"12": ("power cut on ext4 and xfs", row)}

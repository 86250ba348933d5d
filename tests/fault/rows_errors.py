"""Rows 13 to 15: the operating system says no, at every call of a save."""
import errno
import os
import pathlib
import re
import resource
import shutil
import subprocess
import time

import harness
import rows_power

WRITES = "write,pwrite64,writev,pwritev"
SYNCS = "fsync,fdatasync"
FAILS = {"SPOT_E_IO", "SPOT_E_NO_SPACE"}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Volume:
    """A volume with five saves behind it, copied for each case."""

    def __init__(self, context, bench):
        self.context, self.bench, self.number = context, bench, 0
        self.template = bench.volume("template")
        told = bench.run(self.template, 5)
        context.check(told.code == 0, f"the template is good: {told}")

    def copy(self):
        self.number += 1
        path = self.bench.folder / f"case-{self.number}"
        shutil.copytree(self.template, path, symlinks=True)
        return path


def check_error(context, told, code, what):
    """Whatever failed was reported as what it was, once, and training went on to its end."""
    failed = told.all("failed")
    context.check(told.code == 0, f"{what}: training goes on: {told}")
    context.check(len(failed) <= 1, f"{what}: one fault fails one save: {told}")
    for _, status, os_error, *_ in failed:
        expected = "SPOT_E_NO_SPACE" if code in FULL else "SPOT_E_IO"
        context.check(status == expected and int(os_error) == code, f"{what}: reported as {status} {os_error}: {told}")


def one_call(context, volumes, injection, call, code, at_restore=False, harmless=False):
    """A run of four saves in which one call fails. False when the run has no such call any more."""
    injector, action, only, kind = injection
    bench, volume = volumes.bench, volumes.copy()
    told = bench.run(volume, 9, "--mark", "restore" if at_restore else "save", injector=injector(
        call, action, only, kind))
    hit = harness.Injector.hit(told)
    what = f"{action} at {hit} {call} ({only}) {'from the restore on' if at_restore else 'of the saves'}"
    if at_restore and told.last("error"):
        context.check(told.last("error")[0] in FAILS and told.code == 74, f"{what}: a typed error: {told}")
    else:
        check_error(context, told, code, what)
    if harmless:
        context.check(not told.all("failed") and told.code == 0, f"{what}: nobody needs to know: {told}")
    if told.at:
        # An error is no reason to overlook a checkpoint and to go on from an older one.
        bench.check_resume(told, 5, what)
    bench.check_acknowledged(told, what)
    floor = told.acknowledged[0] if told.acknowledged else 5
    after = bench.run(volume, 0)
    bench.check_resume(after, floor, what)
    bench.check_whole(volume, what, after.at[0])
    shutil.rmtree(volume)
    return hit is not None


def every_call(context, volumes, injection, code, what, **more):
    """Each call in turn; in a short run a sample of them."""
    call = 0
    step = context.amount(3, 1)
    while one_call(context, volumes, injection, call, code, **more):
        context.count(what)
        call += context.random.randint(1, step)


def failed_sync(context, volumes, injector):
    """What exactly an error of the file's and of the folder's sync means."""
    bench = volumes.bench
    for kind in ("file", "directory"):
        volume = volumes.copy()
        before = harness.published(volume)
        told = bench.run(volume, 6, "--mark", "save", injector=injector(0, f"error={errno.EIO}", SYNCS, kind))
        what = f"EIO at the sync of the {kind}"
        failed = told.all("failed")
        context.check(len(failed) == 1 and not told.all("acknowledged"), f"{what}: it is not acknowledged: {told}")
        now = harness.published(volume)
        context.check(set(before) <= set(now), f"{what}: nothing older is removed: {before} {now}")
        if kind == "file":
            context.check(now == before, f"{what}: the generation is abandoned: {now}")
        generations = {int(re.search(r"-(\d+)\.spck", name)[1]) for name in now}
        told = bench.run(volume, 7 if now == before else 8)
        context.check(int(told.last("acknowledged")[1]) not in generations, f"{what}: its number is not used twice")
        context.count(f"saves whose {kind} cannot be synced")
    volume = volumes.copy()
    told = bench.run(volume, 6, "--mark", "save", injector=injector(0, "lie", SYNCS, "file"))
    context.control("a store that overlooks a failed sync", not told.all("failed") and bool(told.acknowledged))


def row_13(context):
    with harness.scratch(harness.memory()) as folder:
        volumes = Volume(context, harness.Bench(context, folder))
        injector = harness.Injector(context)
        failed_sync(context, volumes, injector)
        for kind in ("file", "directory"):
            for code in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
                for at_restore in (False, True):
                    every_call(context, volumes, (injector, f"error={code}", SYNCS, kind), code,
                               f"failed syncs of a {kind}", at_restore=at_restore)
            every_call(context, volumes, (injector, f"late={errno.EIO}", SYNCS, kind), errno.EIO,
                       f"failed syncs of a {kind}")


def lying_write(context, volumes, injector):
    volume = volumes.copy()
    told = volumes.bench.run(volume, 6, "--mark", "save", injector=injector(0, "lie", WRITES, "file", times=0))
    try:
        volumes.bench.check_resume(volumes.bench.run(volume, 0), told.acknowledged[0], "a write left out")
        failed = False
    except harness.Failure:
        failed = True
    context.control("a write that was left out", failed)


def full_tmpfs(context, folder):
    """A disk that is full, and then larger."""
    if os.geteuid() != 0:
        raise harness.Skip("a full file system: only root may mount")
    bench = harness.Bench(context, folder)
    volume = bench.volume("small-disk")
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(volume)], check=False,
                              capture_output=True)
    if mounting.returncode != 0:
        raise harness.Skip("a full file system: mounting is not possible here")
    try:
        told = bench.run(volume, 60, settings=("keep_last=1000",))
        context.check(told.code == 0 and not told.all("failed"), f"what fills up is pruned, and every step saved: {told}")
        bench.check_resume(bench.run(volume, 0), 60, "full disk")
        files = sorted((volume / "checkpoints").glob("*.spck"))
        context.check(1 < len(files) < 60, f"as many are kept as there is room for: {len(files)}")
        for file in files[:-1]:
            file.unlink()
        for workspace in (volume / "checkpoints").glob("writer-*"):
            shutil.rmtree(workspace)
        free = os.statvfs(volume)
        (volume / "filler").write_bytes(b"x" * free.f_bavail * free.f_frsize)
        told = bench.run(volume, 70, settings=("keep_last=1000",))
        failed = told.all("failed")
        context.check(told.code == 0 and len(failed) == 10, f"where nothing may go, training goes on: {told}")
        context.check(all(f[1] == "SPOT_E_NO_SPACE" for f in failed), f"it is reported as that: {failed}")
        floor = 60
        bench.check_resume(bench.run(volume, 0), floor, "full disk")
        subprocess.run(["mount", "-o", "remount,size=4m", str(volume)], check=True)
        told = bench.run(volume, floor + 10, "--verify", settings=("keep_last=1000",))
        context.check(not told.all("failed") and told.last("verified")[1] == "0", f"and works again: {told}")
        context.count("saves on a full disk", len(failed))
    finally:
        subprocess.run(["umount", "-l", str(volume)], check=False)


def file_size_limit(context, folder):
    """ulimit -f: SIGXFSZ and EFBIG."""
    bench = harness.Bench(context, folder)
    volume = bench.volume("limited")
    bench.run(volume, 3)
    limit = 8 << 10
    process = subprocess.run(bench.command(volume, 8), capture_output=True, text=True, check=False,
                             timeout=harness.PATIENCE,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    told = harness.Told(process.stdout, process.returncode)
    failed = told.all("failed")
    context.check(told.code == 0 and len(failed) == 5, f"ulimit -f: training goes on: {told}")
    context.check(all(f[1] == "SPOT_E_NO_SPACE" for f in failed), f"ulimit -f: reported as that: {failed}")
    bench.check_resume(bench.run(volume, 0), 3, "ulimit -f")
    bench.check_whole(volume, "ulimit -f", 3)
    context.count("saves past ulimit -f", len(failed))


def row_14(context):
    with harness.scratch(harness.memory()) as folder:
        volumes = Volume(context, harness.Bench(context, folder))
        with context.part():
            injector = harness.Injector(context)
            lying_write(context, volumes, injector)
            for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
                for at_restore in (False, True):
                    every_call(context, volumes, (injector, f"error={code}", WRITES, "file"), code, "failed writes",
                               at_restore=at_restore)
            every_call(context, volumes, (injector, "short=4096", WRITES, "file"), 0, "short writes", harmless=True)
            every_call(context, volumes, (injector, f"error={errno.EINTR}", WRITES, "file"), 0, "interrupted writes",
                       harmless=True)
            for code in (errno.ENOSPC, errno.EDQUOT):
                every_call(context, volumes, (injector, f"error={code}", "fallocate", None), code, "failed reservations")
            every_call(context, volumes, (injector, f"error={errno.EOPNOTSUPP}", "fallocate", None), 0,
                       "unsupported reservations", harmless=True)
            for code in (errno.EDQUOT, errno.ENOSPC, errno.EIO):
                every_call(context, volumes, (injector, f"late={code}", "close", "file"), code, "failed closes")
        with context.part():
            full_tmpfs(context, folder / "full")
        with context.part():
            file_size_limit(context, folder / "limit")


# Everything else that a save and the opening of a volume ask for, and what the kernel may answer.
OTHER_CALLS = {
    "rename,renameat,renameat2": (errno.EIO, errno.EROFS, errno.ENOSPC),
    "linkat,unlink,unlinkat,rmdir": (errno.EIO, errno.EROFS),
    "open,openat": (errno.EIO, errno.EMFILE, errno.EACCES),
    "mkdir,mkdirat": (errno.EIO, errno.ENOSPC, errno.EROFS),
    "ftruncate": (errno.EIO, errno.ENOSPC),
    "fcntl,flock": (errno.EIO, errno.ENOLCK),
    "stat,fstat,newfstatat,statx,statfs,fstatfs": (errno.EIO,),
    "getdents64": (errno.EIO,),
    "read,pread64": (errno.EIO,),
}


def read_only(context, folder):
    """A file system that finds an error in itself and turns read-only under a running program."""
    with rows_power.LoopVolume("ext4", folder) as disk:
        trigger = pathlib.Path(f"/sys/fs/ext4/{os.path.basename(disk.device)}/trigger_fs_error")
        if not trigger.exists():
            raise harness.Skip("a file system turning read-only: no trigger_fs_error here")
        subprocess.run(["mount", "-o", "remount,errors=remount-ro", str(disk.path)], check=True)
        bench = harness.Bench(context, folder / "bench")
        volume = disk.path / "volume"
        process = bench.start(volume, 400, "--pause-us", 2000)
        first = "".join(process.stdout.readline() for _ in range(5))
        trigger.write_text("an error on the disk\n")
        text, errors = process.communicate(timeout=120)
        told = harness.Told(first + text, process.returncode, errors)
        failed = told.all("failed")
        context.check(told.code == 0 and failed, f"read-only: training goes on: {told}")
        context.check({f[2] for f in failed} <= {str(errno.EROFS), str(errno.EIO)}, f"read-only: why: {failed[-1]}")
        floor = told.acknowledged[0]
        disk.unmount()
        subprocess.run(["e2fsck", "-fy", disk.device], check=False, capture_output=True)
        disk.mount()
        bench.check_resume(bench.run(volume, 0), floor, "read-only")
        bench.check_whole(volume, "read-only", bench.run(volume, 0).at[0])
        context.count("saves on a file system turned read-only", len(failed))


def row_15(context):
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        volumes = Volume(context, bench)
        with context.part():
            injector = harness.Injector(context)
            volume = volumes.copy()
            told = bench.run(volume, 6, "--mark", "save", injector=injector(0, "lie", "renameat2"))
            context.control("a rename that was left out", bench.run(volume, 0).at[0] < told.acknowledged[0])
            for calls, codes in OTHER_CALLS.items():
                for code in codes:
                    for at_restore in (False, True):
                        every_call(context, volumes, (injector, f"error={code}", calls, None), code,
                                   f"failures of {calls}", at_restore=at_restore)
            for code in (errno.EIO, errno.ETIMEDOUT):
                every_call(context, volumes, (injector, f"late={code}", "rename,renameat,renameat2", None), code,
                           "renames whose answer was lost")
            every_call(context, volumes, (injector, f"error={errno.EINVAL}", "renameat2", None), 0,
                       "renames without RENAME_NOREPLACE", harmless=True)
        with context.part():
            read_only(context, folder)


ROWS = {
    "13": ("EIO on the sync of the file and of the folder", row_13),
    "14": ("no space, quota, size limit, short writes", row_14),
    "15": ("renames and all other calls fail, read-only file system", row_15),
}

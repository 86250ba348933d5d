"""Disks that are slow, full, too small or not fit, users who take turns, folders that vanish: rows 25 and 31 of the
table of faults, through spotctl. Takes the folder of the built programs."""
import contextlib
import errno
import os
import pathlib
import shutil
import subprocess
import sys
import time

import harness
import spotctl

SHIM = str(pathlib.Path(sys.argv[1]) / "volume_shim.so")
MLP = 8.1e6  # bytes of a checkpoint of the model mlp with adadelta
checks = spotctl.Checks()
skipped = []


def train(volume, *flags, env=None, timeout=300):
    return spotctl.run(train_command(volume, *flags), env=env, timeout=timeout)


def train_command(volume, *flags):
    """A run of the model mlp that only asks for what it is told to save, and for synthetic digits."""
    return spotctl.command(volume, "--dataset", "synthetic", "--model", "mlp", "--checkpoint-seconds", 0, *flags)


def doctor(volume, *flags, env=None):
    result = spotctl.run([spotctl.SPOTCTL, "doctor", "--volume", str(volume), "--dataset", "synthetic", "--model", "mlp",
                          "--metadata", "none", *flags], env=env)
    return result.code, result.out


@contextlib.contextmanager
def mounted(folder, name, *arguments):
    """A file system on a new folder; the part that needs it is skipped where nothing can be mounted."""
    path = folder / name
    path.mkdir()
    if subprocess.run(["mount", *arguments, str(path)], check=False, capture_output=True).returncode != 0:
        skipped.append(f"{name}: mounting is not possible here")
        yield None
        return
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


def tmpfs(folder, name, megabytes):
    return mounted(folder, name, "-t", "tmpfs", "-o", f"size={megabytes * 1000000}", "none")


@contextlib.contextmanager
def ext4(folder, name, megabytes):
    image = folder / f"{name}.image"
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    if shutil.which("mkfs.ext4") is None:
        skipped.append(f"{name}: there is no mkfs.ext4")
        yield None
        return
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    with mounted(folder, name, "-o", "loop", str(image)) as path:
        yield path


def fill(volume, leave=0):
    """Takes all room of the file system but `leave` bytes."""
    with open(volume / "filler", "wb", buffering=0) as file:
        free = os.statvfs(volume)
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - leave, 1))
        if leave:
            return
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                file.seek(0, os.SEEK_END)
                while True:
                    file.write(b"x" * size)


def saves(result, status="SPOT_OK"):
    return [e for e in result.events if e["event"] == "checkpoint" and e["status"] == status]


def bounded_on_a_slow_disk(folder):
    """Saves at every step on a disk slower than that: the number of files after each call is bounded."""
    for keep_last, keep_best in ((3, 1), (2, 0)):
        volume = spotctl.new_volume(folder, f"slow-{keep_last}")
        most = folder / f"most-{keep_last}"
        result = train(volume, "--steps", 12, "--checkpoint-steps", 1, "--keep-last", keep_last, "--keep-best", keep_best,
                       env={"LD_PRELOAD": SHIM, "SHIM_SYNC_MS": "150", "SHIM_COUNT": str(most)})
        checks.check(result.code == 0 and len(saves(result)) == 12, f"every step is saved on a slow disk: {result.err}")
        counted = int(most.read_text())
        checks.check(keep_last + keep_best < counted <= keep_last + keep_best + 2,
                     f"at most {keep_last} + {keep_best} + 2 files at any moment: {counted}")


def own_files_fill_the_disk(folder):
    """A disk with room for what the keys keep, and no more than that."""
    with ext4(folder, "small-ext4", 64) as volume:
        if volume is None:
            return
        most = folder / "most-ext4"
        result = train(volume, "--steps", 40, "--checkpoint-steps", 1,
                       env={"LD_PRELOAD": SHIM, "SHIM_COUNT": str(most)})
        checks.check(result.code == 0 and not saves(result, "SPOT_E_NO_SPACE"),
                     f"a run does not fill its own disk: {result.code} {result.err}")
        checks.check(int(most.read_text()) <= 6, f"and keeps within its bound: {most.read_text()}")


def less_room_than_the_keys_ask_for(folder):
    with tmpfs(folder, "less-room", 40) as volume:
        if volume is None:
            return
        code, told = doctor(volume)
        checks.check(code == 0 and "warn  room" in told and "keep_last" in told, f"doctor says what does not fit: {told}")
        result = train(volume, "--steps", 10, "--checkpoint-steps", 1)
        checks.check(result.code == 0 and len(saves(result)) == 10, f"the run lives with less: {result.code} {result.err}")
        checks.check(all(word in result.err.split("started run")[0] for word in
                         ("need 51.0 MB", "MB are free", "lower keep_last or keep_best", "smaller model")),
                     f"it says how much is needed, how much is free, and which key lowers it: {result.err}")
        checks.check(len(list((volume / "models").glob("*.safetensors"))) == 1, "the model is written")


def too_small_a_disk(folder):
    with tmpfs(folder, "too-small", 20) as volume:
        if volume is None:
            return
        result = train(volume, "--steps", 10, "--checkpoint-steps", 1)
        checks.check(result.code == 74 and result.last("start") is None and "too small" in result.err,
                     f"a volume without room for three checkpoints is refused before the first step: {result.err}")
        code, told = doctor(volume)
        checks.check(code == 74 and "fail  room" in told and "too small" in told, f"doctor says so: {told}")


def filled_by_somebody_else(folder):
    """No save fits, though everything that may go is pruned; then there is room again."""
    with tmpfs(folder, "filled", 60) as volume:
        if volume is None:
            return
        first = train(volume, "--steps", 4, "--checkpoint-steps", 1)
        checks.check(first.code == 0, f"the volume is good: {first.err}")
        fill(volume, leave=4 << 20)
        # Retention left the last three: one of them may go, and makes room for the saves to come.
        result = train(volume, "--steps", 8, "--checkpoint-steps", 1)
        checks.check(result.code == 0 and len(saves(result)) == 4 and "is removed to make room" in result.err,
                     f"a full disk is pruned and tried again: {result.code} {result.err}")
        checks.check(len(list((volume / "checkpoints").glob("*.spck"))) >= 2, "two whole ones stay")
    with tmpfs(folder, "filled-at-once", 60) as volume:
        with spotctl.start(train_command(volume, "--epochs", 1000, "--checkpoint-steps", 40)) as run:
            run.next("start")
            fill(volume)  # before there are two checkpoints, so that nothing may go
            failed = next_save(run, "SPOT_E_NO_SPACE")
            (volume / "filler").unlink()
            worked = next_save(run, "SPOT_OK")
            run.process.terminate()
            run.end()
        checks.check(failed and worked and run.code == 75,
                     f"training survives a disk without room and saves again when there is some: {run}")
        checks.check("was not saved" in run.err and "No space left" in run.err, f"and says so: {run}")


def next_save(run, status):
    """Whether a save of that status comes, within a minute and a few of the other kind."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        event = run.next("checkpoint", 60)
        if event is None or event["status"] == status:
            return event is not None
    return False


def final_model_without_its_checkpoint(folder):
    """Files may have four megabytes: the model's may, a checkpoint's not."""
    volume = spotctl.new_volume(folder, "no-final")
    doctor(volume)  # caches the digits
    command = train_command(volume, "--steps", 4, "--checkpoint-steps", 1, "--run-id", "run")
    result = spotctl.run(["sh", "-c", 'trap "" XFSZ; ulimit -f 8000; exec "$@"', "sh", *command])
    checks.check(result.code == 74 and len(saves(result, "SPOT_E_NO_SPACE")) == 4,
                 f"no checkpoint can be saved, and the run goes on to its end: {result.code} {result.err}")
    checks.check("ulimit -f" in result.err and "no checkpoint can be saved" in result.err, f"it is said: {result.err}")
    checks.check((volume / "models" / "run.safetensors").exists() and (volume / "models" / "run.json").exists(),
                 f"the model is written: {result.err}")
    checks.check(not list((volume / "checkpoints").glob("writer-*/save-*")), "no temporary file stays")


def killed_filled_restarted(folder):
    for kind, make in (("tmpfs", tmpfs), ("ext4", ext4)):
        with make(folder, f"killed-{kind}", 64) as volume:
            if volume is None:
                continue
            with spotctl.start(train_command(volume, "--epochs", 1000, "--checkpoint-steps", 1,
                                             "--keep-last", 4)):
                found = spotctl.wait_until(lambda: len(list((volume / "checkpoints").glob("*.spck"))) > 3, 120)
            checks.check(found, f"the run had saved ({kind})")
            fill(volume)
            step = max(int(p.name[5:17]) for p in (volume / "checkpoints").glob("*.spck"))
            result = train(volume, "--steps", step + 3, "--checkpoint-steps", 1, "--keep-last", 4)
            checks.check(result.code == 0 and saves(result),
                         f"a run that was killed goes on although its disk is full ({kind}): {result.code} {result.err}")
            checks.check(result.last("start")["step"] == step, f"from its last checkpoint: {step}")
            # The harder case: the dead writer left nothing in its folder.
            (volume / "filler").unlink()
            train(volume, "--steps", step + 8, "--checkpoint-steps", 1, "--keep-last", 4)
            for left in (volume / "checkpoints").glob("writer-*/save-*"):
                left.unlink()
            # Just the room that a run needs: three checkpoints, and some for the rows of the log.
            there = [p.stat().st_size for p in (volume / "checkpoints").glob("*.spck")]
            fill(volume, leave=max(0, 3 - len(there)) * there[0] + (1 << 16))
            result = train(volume, "--steps", step + 11, "--checkpoint-steps", 1, "--keep-last", 4)
            checks.check(result.code == 0 and saves(result),
                         f"nor does it need anything that a dead writer left ({kind}): {result.code} {result.err}")


def unfit_file_systems(folder):
    words = {"folder-sync": "cannot sync a folder", "file-sync": "cannot sync a file",
             "no-replace": "RENAME_NOREPLACE", "ignores-flag": "RENAME_NOREPLACE"}
    for number, (lack, text) in enumerate(words.items()):
        volume = spotctl.new_volume(folder, f"unfit-{number}")
        environment = {"LD_PRELOAD": SHIM, "SHIM_LACKS": lack}
        result = train(volume, "--steps", 2, env=environment)
        checks.check(result.code == 74 and result.last("start") is None and text in result.err
                     and "durability to weak" in result.err,
                     f"without {lack} a run is refused before its first step: {result.code} {result.err}")
        code, told = doctor(volume, env=environment)
        checks.check(code == 74 and "fail  commit" in told and text in told, f"doctor misses {lack}: {code} {told}")
        result = train(volume, "--steps", 4, "--checkpoint-steps", 1, "--durability", "weak", env=environment)
        name = "no-replace" if lack == "ignores-flag" else lack
        checks.check(result.code == 0 and len(saves(result)) == 4
                     and all(e["not_promised"] == name for e in saves(result)),
                     f"a weaker promise is told with each save ({lack}): {result.code} {result.err} {saves(result)[:1]}")
        resumed = train(volume, "--steps", 6, "--durability", "weak", env=environment)
        checks.check(resumed.code == 0 and resumed.last("start")["resumed"], f"and goes on: {resumed.err}")
    # Nothing is downloaded for a run that could not save; nobody listens at the mirror.
    volume = spotctl.new_volume(folder, "unfit-first")
    result = spotctl.run(spotctl.command(volume, "--dataset", "kmnist", "--dataset-mirrors", "http://127.0.0.1:9/"),
                         env={"LD_PRELOAD": SHIM, "SHIM_LACKS": "folder-sync"})
    checks.check(result.code == 74 and words["folder-sync"] in result.err,
                 f"a save is rehearsed before the dataset is fetched: {result.code} {result.err}")
    unfit_and_full(folder)
    volume = spotctl.new_volume(folder, "fit")
    result = train(volume, "--steps", 2)
    checks.check(all(e["not_promised"] == "" for e in saves(result)), f"a fit one promises all: {saves(result)}")
    code, told = doctor(volume, env={"LD_PRELOAD": SHIM, "SHIM_LACKS": "locks"})
    checks.check(code == 0 and "warn  commit" in told and "no locks" in told, f"doctor misses locks: {code} {told}")
    checks.check(not [p for p in (volume / "checkpoints").iterdir() if p.name.startswith(".")], "nothing is left behind")


def unfit_and_full(folder):
    """What cannot be rehearsed on a full disk is not promised."""
    environment = {"LD_PRELOAD": SHIM, "SHIM_LACKS": "folder-sync"}
    with tmpfs(folder, "unfit-full", 60) as volume:
        if volume is None:
            return
        weak = ("--checkpoint-steps", 1, "--durability", "weak")
        first = train(volume, "--steps", 4, *weak, env=environment)
        fill(volume)
        result = train(volume, "--steps", 8, *weak, env=environment)
        checks.check(first.code == 0 and result.code == 0 and saves(result)
                     and all("folder-sync" in e["not_promised"] for e in saves(result)),
                     f"a full disk that cannot sync a folder is written to with durability=weak: {result.code} {result.err}")


def two_users(folder):
    users, group = (23456, 23457), 23455
    folder.chmod(0o755)

    def as_user(user, command):
        return spotctl.run(["setpriv", "--reuid", str(user), "--regid", str(group), "--clear-groups", "env", "HOME=/",
                            *command])

    if os.geteuid() != 0 or shutil.which("setpriv") is None or as_user(users[0], [spotctl.SPOTCTL, "--help"]).code != 0:
        skipped.append("two users: needs root, setpriv, and programs that others may run")
        return

    def shared(name):
        volume = spotctl.new_volume(folder, name)
        os.chown(volume, 0, group)
        volume.chmod(0o2775)
        return volume

    volume = shared("private")
    first = as_user(users[0], train_command(volume, "--steps", 2))
    second = as_user(users[1], train_command(volume, "--steps", 4))
    checks.check(first.code == 0 and second.code == 74, f"a private volume is its user's: {first.code} {second.code}")
    checks.check(all(word in second.err for word in (str(users[0]), "mode", "chmod", "volume_mode=group")),
                 f"who owns it and what to do: {second.err}")
    steps = 0
    for user in (users[0], users[0], users[1], users[0], users[1]):
        # The first user's private volume becomes the group's; then they take turns.
        steps += 3
        result = as_user(user, train_command(volume, "--steps", steps, "--checkpoint-steps", 1, "--volume-mode", "group"))
        checks.check(result.code == 0 and (steps == 3 or result.last("start")["resumed"]),
                     f"members of the group take turns, step {steps}: {result.code} {result.err}")
        checks.check(not saves(result, "SPOT_E_IO"), f"and save: {result.err}")
    for path in volume.rglob("*"):
        mode = path.stat().st_mode & 0o7777
        checks.check(mode == (0o2770 if path.is_dir() else 0o660), f"{path} has mode {mode:o}")


def remove(path, volume):
    """At once, though somebody makes files in it meanwhile."""
    away = volume / f"removed-{path.name}"
    path.rename(away)
    shutil.rmtree(away, ignore_errors=True)


def vanishing_folders(folder):
    cases = {"checkpoints is removed": (lambda v: remove(v / "checkpoints", v), "checkpoints"),
             "checkpoints is renamed": (lambda v: (v / "checkpoints").rename(v / "elsewhere"), "checkpoints"),
             "the writer's folder is removed":
                 (lambda v: [remove(p, v) for p in (v / "checkpoints").glob("writer-*")],
                  "checkpoints/writer-"),
             "the volume is renamed": (lambda v: v.rename(v.with_name(v.name + "-moved")), "")}
    for number, (what, (spoil, name)) in enumerate(cases.items()):
        volume = spotctl.new_volume(folder, f"vanishing-{number}")
        with spotctl.start(train_command(volume, "--epochs", 1000, "--checkpoint-steps", 20)) as run:
            run.next("checkpoint")
            spoil(volume)
            run.end()
        checks.check(run.code == 74 and "is missing" in run.err and str(volume / name) in run.err, f"{what}: {run}")
        checks.check("taken over" not in run.err, f"{what}: nobody has taken over: {run}")
    volume = spotctl.new_volume(folder, "no-models")
    with spotctl.start(train_command(volume, "--steps", 300, "--checkpoint-steps", 20)) as run:
        run.next("start")
        (volume / "models").rmdir()
        run.end()
    checks.check(run.code == 74 and f"'{volume}/models' is missing" in run.err, f"models is removed: {run}")
    again = train(volume, "--steps", 300)
    checks.check(again.code == 0 and list((volume / "models").glob("*.json")), f"the next run writes it: {again.err}")


def export_to_a_full_disk(folder):
    volume = spotctl.new_volume(folder, "to-export")
    checks.check(train(volume, "--steps", 2).code == 0, "the run is good")
    for megabytes in (1, 3):
        with tmpfs(folder, f"exports-{megabytes}", megabytes) as target:
            if target is None:
                return
            result = spotctl.run([spotctl.SPOTCTL, "export", str(volume), "--output", str(target / "model")])
            left = [p.name for p in target.iterdir()]
            checks.check(result.code == 0 or not left,
                         f"an export to a full disk leaves nothing: {result.code} {left} {result.err}")
            checks.check(result.code == (74 if megabytes == 1 else 0), f"{megabytes} MB: {result.code}")


with spotctl.scratch() as scratch:
    parts = [bounded_on_a_slow_disk, own_files_fill_the_disk, less_room_than_the_keys_ask_for, too_small_a_disk,
             filled_by_somebody_else, final_model_without_its_checkpoint, killed_filled_restarted, unfit_file_systems,
             two_users, vanishing_folders, export_to_a_full_disk]
    for part in parts:
        if sys.argv[2:] and part.__name__ not in sys.argv[2:]:
            continue
        began = time.monotonic()
        part(scratch)
        print(f"{part.__name__}: {time.monotonic() - began:.1f} s", flush=True)
for reason in skipped:
    print(f"skipped: {reason}")
checks.exit()

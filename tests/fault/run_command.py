#!/usr/bin/env python3
"""`spotctl run` around scripts that know nothing of it: shell loops, Python that saves by rename, a saver that waits for
SIGTERM, workers that must not hear it. Notices, kills, and the machine that comes after."""
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import harness
import spotctl

KILLS = int(os.environ.get("SPOT_RUN_KILLS", 10))
checks = spotctl.Checks()

COUNTER = """
import os, sys, time
folder, last = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, "state")
step = len(open(path).read().split()) if os.path.exists(path) else 0
print("from", step, flush=True)
while step < last:
    step += 1
    with open(path + ".new", "w") as file:
        file.write(f"{step} " * step)
    os.rename(path + ".new", path)
    print("step", step, flush=True)
    time.sleep(0.02)
"""

SAVES_AT_TERM = """
import os, signal, sys, time
folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
def save(*_):
    with open(os.path.join(folder, "state"), "w") as file:
        file.write("saved at TERM")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True:
    time.sleep(60)
"""

WORKERS = """
import os, signal, sys, time
folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
workers = []
for number in range(2):
    pid = os.fork()
    if pid == 0:
        def heard(*_):
            open(os.path.join(folder, f"worker-{number}-heard"), "w").close()
        signal.signal(signal.SIGTERM, heard)
        if number == 1 and os.fork() == 0:
            os.setsid()  # one that no group reaches
        while True:
            time.sleep(60)
    workers.append(pid)
def save(*_):
    for pid in workers:
        os.kill(pid, 0)  # a loader that is gone makes the save fail
    with open(os.path.join(folder, "state"), "w") as file:
        file.write("saved with workers")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


class Place:
    """A volume, and machines that come and go."""

    def __init__(self, scratch, name):
        self.volume = scratch / f"{name}-volume"
        self.volume.mkdir()
        self.scratch, self.name, self.machines = scratch, name, 0
        self.new_machine()

    def new_machine(self):
        """Nothing but the volume is there."""
        self.machines += 1
        self.home = self.scratch / f"{self.name}-{self.machines}"
        self.home.mkdir()

    def command(self, *words, flags=(), metadata="none"):
        return [spotctl.SPOTCTL, "run", "--volume", str(self.volume), "--metadata", metadata, "--folder", "out",
                "--settle", "0.05", *map(str, flags), "--", *map(str, words)]

    def run(self, *words, flags=(), stdin=None):
        return subprocess.run(self.command(*words, flags=flags), cwd=self.home, input=stdin, capture_output=True,
                              timeout=harness.PATIENCE, check=False)

    def start(self, *words, flags=(), metadata="none"):
        """In a group of its own, which vanishes as a machine does."""
        return harness.start(self.command(*words, flags=flags, metadata=metadata), cwd=self.home,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             start_new_session=True)

    def restored(self):
        """What the next machine finds."""
        self.new_machine()
        done = self.run("true")
        checks.check(done.returncode == 0, f"{self.name}: it is put back: {done.stderr.decode()}")
        return {str(p.relative_to(self.home / "out")): p.read_text() for p in (self.home / "out").rglob("*")
                if p.is_file() and not p.name.startswith(".spot-")}


def ends(process):
    """Its exit code and what it said."""
    out, err = process.communicate(timeout=harness.PATIENCE)
    return process.returncode, out, err


def reads(process, line):
    while True:
        said = process.stdout.readline()
        if said.strip() == line:
            return True
        if not said:
            return False


def processes_in(folder):
    """Processes that work there."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").resolve() == folder.resolve():
                found.append(entry.name)
        except OSError:
            pass
    return found


def exit_codes(scratch):
    place = Place(scratch, "codes")
    for words, code in ((["sh", "-c", "exit 7"], 7), (["true"], 0), (["sh", "-c", "kill -9 $$"], 137),
                        (["./no-such-program"], 127), (["/etc/passwd"], 126)):
        done = place.run(*words)
        checks.check(done.returncode == code, f"exit code of {words}: {done.returncode}, {done.stderr.decode()}")
    data = bytes(range(256)) * 300
    done = place.run("sh", "-c", "cat; echo to stderr >&2", stdin=data)
    checks.check(done.stdout == data and b"to stderr" in done.stderr, "stdin, stdout and stderr are the command's")
    for flags in ([], ["--folder", "x"]):
        done = subprocess.run([spotctl.SPOTCTL, "run", *flags], capture_output=True, text=True, check=False)
        checks.check(done.returncode == 64 and done.stderr.count("\n") == 1, f"usage: {done.returncode} {done.stderr}")
    done = place.run("true", flags=["--signal", "USR1"])
    checks.check(done.returncode == 64 and b"NCCL" in done.stderr, f"USR1 is refused: {done.stderr}")


def last_state(scratch):
    place = Place(scratch, "last")
    done = place.run("sh", "-c", "mkdir -p out/deep; echo one > out/deep/file; ln -s deep out/latest")
    checks.check(done.returncode == 0, f"a command that ends at once: {done.stderr}")
    found = place.restored()
    checks.check(found.get("deep/file") == "one\n", f"what it left is kept: {found}")
    checks.check((place.home / "out/latest").is_symlink(), "and the link is a link")


def saver(scratch, script, words, name):
    """A notice by signal, and one by a file."""
    for how in ("signal", "file"):
        place = Place(scratch, f"{name}-{how}")
        path = place.home / "script.py"
        path.write_text(script)
        notice = scratch / f"{name}-notice"
        metadata = f"file:{notice}" if how == "file" else "none"
        process = place.start(sys.executable, path, "out", flags=["--poll-seconds", "0.05"], metadata=metadata)
        checks.check(reads(process, "ready"), f"{name}: it starts")
        if how == "file":
            notice.write_text("preempted")
        else:
            process.send_signal(signal.SIGTERM)
        code, _, err = ends(process)
        checks.check(code == 75, f"{name}, {how}: {code} {err}")
        checks.check(not processes_in(place.home), f"{name}, {how}: nothing is left running")
        found = place.restored()
        checks.check(found == {"state": words}, f"{name}, {how}: what it saved at the signal is kept: {found}")


def stubborn(scratch):
    place = Place(scratch, "stubborn")
    process = place.start("sh", "-c", "trap '' TERM; mkdir -p out; echo kept > out/state; echo ready; while :; do sleep 1; done",
                          flags=["--grace", "0.2"])
    reads(process, "ready")
    process.send_signal(signal.SIGTERM)
    code, _, err = ends(process)
    checks.check(code == 75, f"a command that does not stop: {code} {err}")
    checks.check(place.restored() == {"state": "kept\n"}, "it is killed, and its folder kept")


def waits(scratch):
    """after_durable=wait: the command is started again once the notice is withdrawn; a signal ends the wait."""
    for withdrawn in (True, False):
        place = Place(scratch, f"waits-{withdrawn}")
        notice = scratch / f"waits-notice-{withdrawn}"
        script = "mkdir -p out; if [ -e out/state ]; then exit 0; fi; echo kept > out/state; echo ready; exec sleep 60"
        process = place.start("sh", "-c", script, flags=["--poll-seconds", "0.05", "--after-durable", "wait"],
                              metadata=f"file:{notice}")
        checks.check(reads(process, "ready"), "the command starts")
        notice.write_text("preempted")
        checks.check(any("waiting" in line for line in process.stderr), "it is stopped, kept, and waited for")
        checks.check(process.poll() is None and not processes_in(place.home)[1:], "nothing runs but spotctl")
        notice.unlink() if withdrawn else process.terminate()
        code, _, err = ends(process)
        checks.check(code == (0 if withdrawn else 75), f"withdrawn: {withdrawn}: {code} {err}")
        checks.check(place.restored() == {"state": "kept\n"}, "its folder is kept")


def answer_to_ctrl_c(place, word, *command):
    """The exit code of spotctl run in a terminal, where Ctrl-C is typed once it has said that word."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(place.home)
        os.execv(spotctl.SPOTCTL, place.command(*command))
    said = b""
    while word.encode() not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    try:
        while os.read(terminal, 1000):
            pass
    except OSError:  # the end of a terminal
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ctrl_c_before_the_command(scratch):
    """Nothing else hears it then: another process holds the snapshots."""
    place = Place(scratch, "early")
    holder = place.start("sh", "-c", "echo ready; exec sleep 60")
    checks.check(reads(holder, "ready"), "the holder starts")
    code = answer_to_ctrl_c(place, "waiting", "true")
    checks.check(code == 75, f"Ctrl-C before the command starts: {code}")
    holder.terminate()
    ends(holder)


def incomplete(scratch):
    place = Place(scratch, "incomplete")
    script = "mkdir -p out; echo 1 > out/state; touch out/done; sleep 0.5; rm out/done; echo half > out/state"
    done = place.run("sh", "-c", script, flags=["--complete", "test -e done"])
    found = place.restored()
    checks.check(found.get("state") != "half\n", f"what is not whole is not kept: {found} {done.stderr.decode()}")


def ctrl_c(scratch):
    place = Place(scratch, "terminal")
    script = ("import time\n"
              "try:\n    print('ready', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    raise SystemExit(3)\n")
    code = answer_to_ctrl_c(place, "ready", sys.executable, "-c", script)
    checks.check(code == 3, f"Ctrl-C is the command's to answer: {code}")


def a_time_that_has_passed(scratch):
    """A notice that comes while it watches counts, whatever time it states: the machine's clock may be wrong."""
    place = Place(scratch, "stale")
    with spotctl.metadata_service("--notice-after", 1, "--time", "2020-01-01T00:00:00Z") as (endpoint, _):
        process = place.start("sh", "-c", "mkdir -p out; echo kept > out/state; exec sleep 60", metadata="aws",
                              flags=["--metadata-endpoint", endpoint, "--poll-seconds", "0.05"])
        code, _, err = ends(process)
    checks.check(code == 75, f"a stale notice ends the command: {code} {err}")


def two_folders(scratch):
    place = Place(scratch, "two")
    done = place.run("sh", "-c", "mkdir -p a/out b/out; echo a > a/out/x; echo b > b/out/x",
                     flags=["--folder", "a/out", "--folder", "b/out"])
    place.new_machine()
    again = place.run("cat", "a/out/x", "b/out/x", flags=["--folder", "a/out", "--folder", "b/out"])
    checks.check(again.stdout == b"a\nb\n", f"two folders of one name: {again} {done}")


def told_snapshot(err):
    """The last snapshot that it told to be durable."""
    return max([int(number) for number in re.findall(r"snapshot (\d+) of .* durable", err)], default=0)


def kills(scratch):
    """The machine vanishes at random; the next one finds no half of anything, and nothing older than what was told."""
    seed = int(os.environ.get("SPOT_SEED", random.randrange(1 << 30)))
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    place = Place(scratch, "kills")
    durable = 0
    for number in range(KILLS):
        script = place.home / "counter.py"
        script.write_text(COUNTER)
        process = place.start(sys.executable, script, "out", 100000)
        begun = process.stdout.readline().split()
        checks.check(begun[:1] == ["from"], f"kill {number}: it starts: {begun} {process.poll()}")
        if not begun:
            break
        time.sleep(chance.uniform(0, 2))
        by_notice = number % 3 == 2
        if by_notice:
            process.send_signal(signal.SIGTERM)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        code, _, err = ends(process)
        checks.check(code == (75 if by_notice else -9), f"kill {number}: {code} {err}")
        put_back = int((re.findall(r"snapshot (\d+) of '[^']*'(?: put back|$)", err, re.MULTILINE) or [0])[0])
        checks.check(put_back >= durable, f"kill {number}: snapshot {put_back} is there, {durable} was durable")
        durable = max(put_back, told_snapshot(err))
        words = place.restored().get("state", "").split()
        whole = not words or (set(words) == {words[-1]} and len(words) == int(words[-1]))
        checks.check(whole, f"kill {number}: half of a file: {words[:3]} … {len(words)}")
        checks.check(len(words) >= int(begun[1]), f"kill {number}: {len(words)} found, it began from {begun[1]}")
    checks.check(durable >= 3, f"a folder that is never quiet is snapshotted all the same: {durable} times")


IN_PLACE = """
import os, signal, sys, time
os.makedirs("out", exist_ok=True)
with open("out/state", "w") as file:
    file.write("whole")
time.sleep(0.5)
file = open("out/state", "w")
for number in range(1000000):
    file.write("half " * 1000)
    file.flush()
    if number == 3:
        print("ready", flush=True)
    time.sleep(0.01)
"""


def half_a_file(scratch):
    """A script that does not hear TERM, and is killed while it writes over its checkpoint."""
    place = Place(scratch, "half")
    process = place.start(sys.executable, "-c", IN_PLACE)
    checks.check(reads(process, "ready"), "it starts")
    time.sleep(1)  # longer than any folder may be unquiet
    process.send_signal(signal.SIGTERM)
    code, _, err = ends(process)
    checks.check(code == 75 and "while it wrote" in err and "never quiet: 'state'" in err, f"it is said: {code} {err}")
    found = place.restored()
    checks.check(found == {"state": "whole"}, f"half a file is not kept: { {k: v[:20] for k, v in found.items()} }")


with harness.scratch() as folder:
    for scenario in (exit_codes, last_state, stubborn, waits, incomplete, ctrl_c, ctrl_c_before_the_command, a_time_that_has_passed, two_folders, half_a_file, kills):
        scenario(folder)
    saver(folder, SAVES_AT_TERM, "saved at TERM", "saver")
    saver(folder, WORKERS, "saved with workers", "workers")
checks.exit()

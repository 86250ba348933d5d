#!/usr/bin/env python3
"""Bytes that are no UTF-8 in paths and notices, long paths, and threads that the system refuses, through the real
program."""
import json
import os
import pathlib
import resource
import shutil
import subprocess

import spotctl

QUICK = ["--dataset", "synthetic", "--model", "mlp", "--batch-size", 32, "--run-id", "r"]
NOBODY = 65534
checks = spotctl.Checks()


def run(*arguments, **options):
    """Output is decoded strictly: what leaves must be UTF-8."""
    arguments = [a if isinstance(a, bytes) else str(a) for a in arguments]
    done = subprocess.run([spotctl.SPOTCTL, *arguments], capture_output=True, timeout=300, check=False, **options)
    return done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")


def latin1_volume(scratch):
    volume = os.fsencode(scratch) + b"/v\xe4r"
    os.mkdir(volume)
    code, out, err = run("train", "--volume", volume, "--metadata", "none", *QUICK, "--steps", 3, "--json")
    saved = [json.loads(line) for line in out.splitlines()]
    checks.check(code == 0 and saved[-1]["event"] == "end", f"a run on a volume whose name is Latin-1: {code} {err}")
    checks.check("v\ufffdr/checkpoints" in out, "its path is shown with U+FFFD")
    for command in (["inspect", volume], ["inspect", "--json", volume], ["verify", volume],
                    ["verify", "--json", volume], ["eval", "--volume", volume],
                    ["export", volume, os.fsencode(scratch) + b"/m\xe4"]):
        code, out, err = run(*command)
        checks.check(code == 0, f"{command[0]} of it: {code} {out[-200:]} {err[-300:]}")
    checks.check(os.path.exists(os.fsencode(scratch) + b"/m\xe4.safetensors"), "export writes to the bytes it was given")
    image = scratch / "digit.pgm"
    image.write_bytes(b"P5 28 28 255\n" + bytes(784))
    code, out, err = run("predict", "--volume", volume, image)
    checks.check(code == 0, f"predict from it: {code} {err[-300:]}")
    code, _, err = run("predict", "--volume", volume, os.fsencode(scratch) + b"/\xe4.png")
    checks.check(code == 74 and "\ufffd.png" in err, f"a picture that is missing is named: {code} {err}")
    code, _, err = run("inspect", os.fsencode(scratch) + b"/\xff\xfe")
    checks.check(code == 74 and "\ufffd" in err, f"a checkpoint that is missing is named: {code} {err}")


def notices_that_are_no_text(scratch):
    cut = "€".encode() * 200  # longer than a notice's detail, so cut, and not within a character
    for number, content in enumerate((b"w\xe4rtung", b"\xe2\x82", b"\0\x01\n\xff", cut)):
        volume = spotctl.new_volume(scratch, f"notice-{number}")
        notice = scratch / f"notice-{number}.txt"
        with spotctl.start(spotctl.command(volume, *QUICK, "--epochs", 100000, "--json-step-seconds", 0,
                                           "--poll-seconds", 0.05, metadata=f"file:{notice}")) as run:
            run.next("step")
            notice.write_bytes(content)
            run.end()
        checks.check(run.code == 75 and run.last("interruption"), f"the notice {content[:6]} is obeyed: {run}")


def long_paths(scratch):
    volume = scratch
    for letter in "abcdef":
        volume = volume / (letter * 200)
    volume.mkdir(parents=True)
    code, out, err = run("train", "--volume", volume, "--metadata", "none", *QUICK, "--steps", 3, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    paths = [line["path"] for line in lines if line["event"] == "checkpoint"]
    checks.check(code == 0 and paths and all(pathlib.Path(p).exists() for p in paths),
                 f"a path of {len(str(volume))} bytes is told whole: {code} {err[-300:]}")
    checks.check(pathlib.Path(lines[-1]["model_path"]).exists(), "and so is the model's")
    code, _, err = run("train", "--volume", "/" + "x" * 5000, *QUICK)
    checks.check(code == 74 and "File name too long" in err, f"a path that cannot be is an error: {code} {err[-200:]}")


def latin1_installation(scratch):
    """The loader's words name the folder of the library, which then is in the description of the build."""
    listed = subprocess.run(["ldd", spotctl.SPOTCTL], capture_output=True, text=True, check=True).stdout.split()
    paths = [pathlib.Path(word) for word in listed if word.startswith("/")]
    library = next((path for path in paths if path.name.startswith("libspot_trainer.so")), None)
    if library is None:
        print("skipped: the program is linked with no shared library of ours")
        return
    folder = os.fsencode(scratch) + b"/l\xe4b"
    os.mkdir(folder)
    shutil.copy(library, folder + b"/" + os.fsencode(library.name))
    # With a driver the module is looked for. Any shared object does for one.
    os.symlink(next(path for path in paths if path.name.startswith("libc.so")), folder + b"/libcuda.so.1")
    code, out, err = run("version", "--json", env={**os.environb, b"LD_LIBRARY_PATH": folder})
    build = json.loads(out)
    checks.check(code == 0 and any("l\ufffdb" in backend["detail"] for backend in build.get("backends", [])),
                 f"a library in a folder whose name is Latin-1 describes itself: {code} {out} {err}")


def refused_threads(scratch):
    if os.geteuid() != 0:
        print("skipped: the limit of processes, which only root can put on another user")
        return

    def limit(count):
        def become_nobody():
            resource.setrlimit(resource.RLIMIT_NPROC, (count, count))
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return become_nobody

    scratch.chmod(0o777)
    try:
        reachable = run("version", preexec_fn=limit(1000))[0] == 0
    except (subprocess.SubprocessError, OSError):  # as in a user namespace, which need not have that user
        reachable = False
    if not reachable:
        print("skipped: no process can become another user here, or that user cannot reach the program")
        return
    for count in range(1, 8):
        folder = scratch / f"threads-{count}"
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        for command in (["bench", "--volume", folder, *QUICK, "--threads", 4, "--seconds", 0.1],
                        ["train", "--volume", folder, "--metadata", f"file:{folder}/n", *QUICK, "--threads", 4,
                         "--steps", 2]):
            code, _, err = run(*command, preexec_fn=limit(count))
            fits = code == 0
            told = code in (69, 70, 74) and "thread" in err
            checks.check(fits or told, f"{command[0]} with {count} processes allowed: {code} {err[-200:]}")
    code, _, err = run("bench", "--volume", folder, *QUICK, "--threads", 4, "--seconds", 0.1, preexec_fn=limit(2))
    checks.check(code != 0, "the limit is felt")


with spotctl.scratch() as folder:
    latin1_volume(folder)
    notices_that_are_no_text(folder)
    long_paths(folder)
    latin1_installation(folder)
    refused_threads(folder)
checks.exit()

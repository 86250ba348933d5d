"""Row 26: stdout, stderr or the terminal is not read, closed or full."""
import contextlib
import fcntl
import json
import os
import pty
import signal
import statistics
import subprocess
import termios
import time
import urllib.request

import cli
import harness

EVENTS = ("--json", "--json-step-seconds", 0)


def drained(pipes):
    for pipe in pipes:
        pipe.drain()
    return [pipe.text() for pipe in pipes]


def a_run_whose_output_nobody_reads_obeys_a_signal(context, spotctl):
    for blocked in (("stdout",), ("stderr",), ("stdout", "stderr")):
        volume = spotctl.volume()
        pipes = {stream: cli.FullPipe() for stream in blocked}
        process = spotctl.start(spotctl.train(volume, "-v", *EVENTS), **{
            "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
            **{stream: pipe.writer for stream, pipe in pipes.items()}})
        spotctl.wait_for_steps(volume)
        time.sleep(0.3)  # into the full pipe
        process.send_signal(signal.SIGTERM)
        took, ended = cli.seconds_of(lambda: spotctl.end(process))
        what = f"nobody reads {' and '.join(blocked)}"
        context.check(ended.code == 75, f"{what}: {ended}")
        context.check(took < 60, f"{what}: ended after {took:.1f} s")
        spotctl.check_saved(volume, what)
        drained(pipes.values())
        context.count("runs that nobody read")


def lines_that_were_dropped_are_counted(context, spotctl):
    volume, out, err = spotctl.volume(), cli.FullPipe(), cli.FullPipe()
    process = spotctl.start(spotctl.train(volume, "--checkpoint-steps", 1000, *EVENTS), stdout=out.writer,
                            stderr=err.writer)
    # A megabyte is kept; a step is 150 bytes.
    enough = harness.wait_until(
        lambda: sum(p.stat().st_size for p in volume.glob("logs/*.steps.csv")) > 1_500_000)
    context.check(enough, "it trains on while nobody reads")
    out.drain()
    err.drain()
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    ended = spotctl.end(process)
    lines = [json.loads(line) for line in out.text().splitlines()]  # and each of them is whole
    dropped = sum(line["lines"] for line in lines if line["event"] == "dropped")
    steps = [line["step"] for line in lines if line["event"] == "step"]
    checkpoints = [line["step"] for line in lines if line["event"] == "checkpoint"]
    context.check(ended.code == 75 and dropped > 0, f"{dropped} lines are told as dropped: {ended}")
    missing = lines[-1]["step"] - len(set(steps))
    context.check(missing == dropped, f"{dropped} lines are told as dropped, {missing} are missing")
    context.check(lines[0]["event"] == "start" and lines[-1]["event"] == "end", "its first and last event are kept")
    expected = list(range(1000, lines[-1]["step"], 1000))
    context.check(checkpoints[:len(expected)] == expected, f"every checkpoint is told: {checkpoints}, not {expected}")
    context.check("lines of stdout were dropped" in err.text(), f"stderr says so: {err.text()[-300:]}")
    context.count("runs whose dropped lines are counted")


def durable_ms(context, spotctl, blocked):
    """Of one notice. What is told of it is read after it was obeyed."""
    volume = spotctl.volume()
    notice = spotctl.folder / f"notice-{volume.name}"
    out, err = (cli.FullPipe(), cli.FullPipe()) if blocked else (subprocess.PIPE, subprocess.PIPE)
    streams = {"stdout": out.writer, "stderr": err.writer} if blocked else {"stdout": out, "stderr": err}
    process = spotctl.start(spotctl.train(volume, "--json", "--poll-seconds", 0.05, metadata=f"file:{notice}"), **streams)
    spotctl.wait_for_steps(volume)
    notice.write_text("test")
    if blocked:
        context.check(harness.wait_until(lambda: harness.published(volume)), "it is saved while nobody reads")
        out.drain()
        err.drain()
    ended = spotctl.end(process)
    text = out.text() if blocked else ended.out
    end = json.loads(text.splitlines()[-1])
    context.check(ended.code == 75 and end["durable"], f"interrupted: {end}")
    return end["notice_to_durable_ms"]


def a_notice_is_obeyed_as_fast_while_nobody_reads(context, spotctl):
    times = {blocked: [] for blocked in (False, True)}
    for _ in range(context.amount(9, 30)):
        for blocked, found in times.items():
            found.append(durable_ms(context, spotctl, blocked))
            context.count("notices timed")
    free, stuck = (statistics.median(times[blocked]) for blocked in (False, True))
    # Whoever waits for a reader waits for ever; the rest is what a loaded machine does to a few samples.
    context.check(stuck <= 5 * free + 1000, f"durable after {stuck:.1f} ms while nobody reads, else {free:.1f} ms")


def open_terminal(controlling):
    """A terminal, and what makes it the controlling one of a child."""
    master, slave = pty.openpty()

    def take():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    return master, slave, take if controlling else None


def a_stopped_terminal_holds_nothing_up(context, spotctl):
    volume = spotctl.volume()
    master, slave, _ = open_terminal(False)
    process = spotctl.start(spotctl.train(volume), stdin=slave, stdout=slave, stderr=slave)
    shown = os.read(master, 4096)
    context.check(b"spotctl" in shown, f"it shows something: {shown}")
    os.write(master, b"\x13")  # Ctrl-S
    spotctl.wait_for_steps(volume)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    ended = spotctl.end(process)
    context.check(ended.code == 75, f"Ctrl-S: {ended}")
    spotctl.check_saved(volume, "Ctrl-S")
    os.close(slave)
    os.close(master)
    context.count("stopped terminals")


def a_terminal_that_is_gone_ends_a_run_with_a_checkpoint(context, spotctl):
    for ignored, code in ((False, 75), (True, 74)):
        volume = spotctl.volume()
        master, slave, take = open_terminal(True)

        def prepare(take=take, ignored=ignored):
            take()
            if ignored:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        process = spotctl.start(spotctl.train(volume, steps=1_000_000_000 if code == 75 else 40000), stdin=slave,
                                stdout=slave, stderr=slave, preexec_fn=prepare)
        os.close(slave)
        spotctl.wait_for_steps(volume)
        os.close(master)
        ended = spotctl.end(process)
        context.check(ended.code == code, f"terminal gone, hang-up ignored: {ignored}: {ended}")
        spotctl.check_saved(volume, "terminal gone")
        context.count("terminals that went away")


def commands(spotctl, volume):
    """Every command, and how to make it print. Few need a dataset or a volume."""
    checkpoint = next((volume / "checkpoints").glob("ckpt-*"))
    run = ["--volume", volume, "--dataset", spotctl.folder / "data", "--model", spotctl.folder / "model.json",
           "--metadata", "none", "--threads", 1]
    image = spotctl.folder / "image.pgm"
    image.write_bytes(b"P5 12 12 255 " + bytes(144))
    data = ["--dataset", spotctl.folder / "data"]
    return [["--help"], ["--help-all"], ["train", "--help"], ["simulate", "aws", "--help"], ["config"],
            ["config", "--json"], ["config", "--toml"], ["version"], ["version", "--json"], ["completion", "bash"],
            ["completion", "zsh"], ["completion", "fish"], ["inspect", volume], ["inspect", "--json", checkpoint],
            ["verify", volume], ["verify", "--json", volume], ["eval", "--volume", volume, *data],
            ["eval", "--json", "--volume", volume, *data], ["predict", "--volume", volume, *data, image],
            ["predict", "--json", "--volume", volume, *data, image],
            ["export", volume, "--output", spotctl.folder / "model-out"], ["bench", "--seconds", 0.1, *run],
            ["bench", "--json", "--seconds", 0.1, *run], ["doctor", *run], ["doctor", "--json", *run],
            ["simulate", "aws"], ["watch", "--once", "--metadata", f"file:{image}"], ["watch", "--metadata", f"file:{image}"]]


def output_that_cannot_be_written_is_an_error_of_every_command(context, spotctl):
    volume = spotctl.volume()
    context.check(spotctl.end(spotctl.start(spotctl.train(volume, steps=20))).code == 0, "there is a run")
    for arguments in commands(spotctl, volume):
        what = " ".join(map(str, arguments))
        with open("/dev/full", "wb") as full:
            ended = spotctl.run(*arguments, stdout=full)
        said = [line for line in ended.err.splitlines() if "stdout: No space left on device" in line]
        context.check(ended.code == 74 and len(said) == 1, f"{what} >/dev/full: {ended}")
        reader, writer = os.pipe()
        os.close(reader)
        ended = spotctl.run(*arguments, stdout=writer)
        os.close(writer)
        said = [line for line in ended.err.splitlines() if "stdout: Broken pipe" in line]
        context.check(ended.code == 74 and len(said) == 1, f"{what} | true: {ended}")
        context.count("commands whose output cannot be written", 2)
    with open("/dev/full", "wb") as full:
        ended = spotctl.run("verify", volume, stderr=full)
        context.check(ended.code == 74 and ended.out.count("cannot write to stderr: No space left") == 1,
                      f"verify 2>/dev/full: {ended}")
        ended = spotctl.run("verify", "--json", volume, stderr=full)
        context.check(ended.code == 74 and "cannot write to stderr" in ended.last("error")["message"],
                      f"verify --json 2>/dev/full: {ended}")
        ended = spotctl.run("verify", volume, stdout=full, stderr=full)
        context.check(ended.code == 74, f"verify >/dev/full 2>&1: {ended}")
        ended = spotctl.run("no-such-command", stderr=full)
        context.check(ended.code == 64, f"what is wrong with a command comes first: {ended}")


def training_goes_on_when_its_output_cannot_be_written(context, spotctl):
    with open("/dev/full", "wb") as full:
        for name, streams in {"stdout": {"stdout": full}, "stderr": {"stderr": full},
                              "both": {"stdout": full, "stderr": full}}.items():
            volume = spotctl.volume()
            ended = spotctl.end(spotctl.start(spotctl.train(volume, *EVENTS, steps=300), **streams))
            context.check(ended.code == 74, f"{name} full, done: {ended}")
            if name == "stdout":
                context.check(ended.err.count("cannot write to stdout") == 1, f"said once: {ended}")
            if name == "stderr":
                context.check(ended.out.count("cannot write to stderr") == 1, f"said once, in JSON: {ended.last('error')}")
                context.check(ended.last("end")["reason"] == "done", f"it trains to its end: {ended}")
            spotctl.check_saved(volume, f"{name} full")
            volume = spotctl.volume()
            process = spotctl.start(spotctl.train(volume, *EVENTS), **streams)
            spotctl.wait_for_steps(volume)
            process.send_signal(signal.SIGTERM)
            ended = spotctl.end(process)
            context.check(ended.code == 75, f"{name} full, interrupted: {ended}")
            spotctl.check_saved(volume, f"{name} full, interrupted")
            context.count("runs whose output cannot be written", 2)


def a_reader_that_leaves_ends_only_the_output(context, spotctl):
    volume = spotctl.volume()
    process = spotctl.start(spotctl.train(volume, *EVENTS, steps=2000))
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    ended = spotctl.end(process)
    context.check(ended.code == 74 and ended.err.count("Broken pipe") == 1, f"train | head -1: {ended}")
    spotctl.check_saved(volume, "train | head -1")
    context.count("readers that left")


def a_disk_that_has_room_again_gets_the_later_lines(context, spotctl):
    with harness.scratch(harness.memory()) as folder:
        mounted = folder / "small"
        mounted.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", mounted], capture_output=True,
                          check=False).returncode != 0:
            raise harness.Skip("mounting is not permitted here")
        try:
            (mounted / "filler").write_bytes(bytes(60000))
            volume = spotctl.volume()
            with open(mounted / "log", "ab") as log:
                process = spotctl.start(spotctl.train(volume, "--json", "--json-step-seconds", 0.001), stdout=log)
                spotctl.wait_for_steps(volume)
                time.sleep(0.5)
                (mounted / "filler").unlink()
                time.sleep(0.2)
                process.send_signal(signal.SIGTERM)
                ended = spotctl.end(process)
            lines = (mounted / "log").read_text().splitlines()
            events = []
            for line in lines:
                with contextlib.suppress(ValueError):  # the line at which the disk was full
                    events.append(json.loads(line)["event"])
            context.check(ended.code == 75 and "dropped" in events, f"room again: {ended}, {events[-5:]}")
            context.check(len(events) >= len(lines) - 2, f"no line is glued to a torn one: {lines}")
            context.count("disks that had room again")
        finally:
            subprocess.run(["umount", "-l", mounted], check=False)


def streams_that_are_missing_at_the_start_are_no_files_of_the_volume(context, spotctl):
    for missing in (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"):
        volume = spotctl.volume()
        script = f'exec "$@" {missing}'
        process = spotctl.start(["sh", "-c", script, "sh", *spotctl.train(volume, *EVENTS)])
        spotctl.wait_for_steps(volume)
        opened = {fd: os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)}
        closed = [fd for fd, mark in enumerate(("<&-", ">&-", "2>&-")) if mark in missing.split()]
        context.check(all(opened[fd] == "/dev/null" for fd in closed), f"{missing}: {opened}")
        process.send_signal(signal.SIGTERM)
        ended = spotctl.end(process)
        context.check(ended.code == 75, f"{missing}: {ended}")
        spotctl.check_saved(volume, missing)
        context.count("runs without all streams")


def a_slow_reader_gets_every_byte_of_what_is_no_run(context, spotctl):
    whole = {arguments: spotctl.run(*arguments).out for arguments in (("config",), ("train", "--help"))}
    for blocking in (True, False):  # the flag is the file's, which others share: it is neither used nor changed
        for arguments, expected in whole.items():
            pipe = cli.FullPipe()
            os.set_blocking(pipe.writer, blocking)
            process = spotctl.start([spotctl.spotctl, *arguments], stdout=pipe.writer)
            time.sleep(0.3)
            context.check(process.poll() is None, f"{arguments} waits for its reader")
            context.check(os.get_blocking(pipe.writer) == blocking, f"{arguments} leaves O_NONBLOCK alone")
            [text] = drained([pipe])
            context.check(spotctl.end(process).code == 0 and text == expected, f"{arguments}: all arrives")
            context.count("slow readers")


def a_failed_creation_has_an_end_event(context, spotctl):
    for flag, value, status in (("--dataset", spotctl.folder / "nowhere", "SPOT_E_NOT_FOUND"),
                                ("--batch-size", -1, "SPOT_E_CONFIG"), ("--config", "nowhere.toml", "SPOT_E_CONFIG")):
        ended = spotctl.end(spotctl.start(spotctl.train(spotctl.volume(), "--json", flag, value)))
        end = ended.last("end")
        context.check(ended.code != 0 and end and end["reason"] == "error" and end["status"] == status and
                      end["message"] and len(ended.lines) == 1, f"{flag} {value}: {ended}")
        context.count("creations that failed")


def watch_and_simulate_obey_while_nobody_reads(context, spotctl):
    for arguments in (["watch", "--metadata", "none"], ["simulate", "aws"]):
        pipes = [cli.FullPipe(), cli.FullPipe()]
        process = spotctl.start([spotctl.spotctl, *arguments], stdout=pipes[0].writer, stderr=pipes[1].writer)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        ended = spotctl.end(process)
        context.check(ended.code == 0, f"{arguments}: {ended}")
        drained(pipes)
    reader, writer = os.pipe()
    process = spotctl.start([spotctl.spotctl, "simulate", "aws"], stdout=writer)
    os.close(writer)
    endpoint = json.loads(os.read(reader, 4096).splitlines()[0])["endpoint"]
    for _ in range(1500):  # more than the pipe holds of their lines
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{endpoint}/latest/meta-data/", timeout=10)
    process.send_signal(signal.SIGTERM)
    context.check(spotctl.end(process).code == 0, "simulate answers while nobody reads its log")
    os.close(reader)
    context.count("watchers and services that nobody read", 3)


PARTS = (a_run_whose_output_nobody_reads_obeys_a_signal, lines_that_were_dropped_are_counted,
         a_notice_is_obeyed_as_fast_while_nobody_reads, a_stopped_terminal_holds_nothing_up,
         a_terminal_that_is_gone_ends_a_run_with_a_checkpoint,
         output_that_cannot_be_written_is_an_error_of_every_command,
         training_goes_on_when_its_output_cannot_be_written, a_reader_that_leaves_ends_only_the_output,
         a_disk_that_has_room_again_gets_the_later_lines,
         streams_that_are_missing_at_the_start_are_no_files_of_the_volume,
         a_slow_reader_gets_every_byte_of_what_is_no_run, a_failed_creation_has_an_end_event,
         watch_and_simulate_obey_while_nobody_reads)


def row_26(context):
    with harness.scratch(harness.memory()) as folder:
        spotctl = cli.Cli(context, folder)
        for part in PARTS:
            with context.part():
                part(context, spotctl)


ROWS = {"26": ("stdout, stderr or the terminal is not read, closed or full", row_26)}

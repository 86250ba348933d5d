"""Row 27: signals that end a process, that are ignored at the start, that come again, SIGPIPE and SIGXFSZ."""
import contextlib
import os
import resource
import signal
import time

import cli
import harness

ENDING = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM,
          signal.SIGVTALRM, signal.SIGPROF, signal.SIGXCPU, signal.SIGIO, signal.SIGPWR, signal.SIGSTKFLT,
          signal.SIGRTMIN, signal.SIGRTMIN + 7, signal.SIGRTMAX]


def name(number):
    return getattr(number, "name", f"signal {number}")


def a_signal_that_ends_a_process_saves_first(context, spotctl):
    for number in ENDING:
        volume = spotctl.volume()
        process = spotctl.start(spotctl.train(volume, "--json"))
        spotctl.wait_for_steps(volume)
        process.send_signal(number)
        ended = spotctl.end(process)
        context.check(ended.code == 75, f"{name(number)}: {ended}")
        end = ended.last("end")
        context.check(end["reason"] == "interrupted" and end["durable"], f"{name(number)}: {end}")
        context.check(not list(spotctl.folder.glob("core*")), f"{name(number)} leaves no core")
        spotctl.check_saved(volume, name(number))
        context.count("signals that end a process")


def what_is_ignored_at_the_start_stays_ignored(context, spotctl):
    def ignore_all():
        for number in ENDING:
            if number != signal.SIGTERM:
                signal.signal(number, signal.SIG_IGN)

    volume = spotctl.volume()
    process = spotctl.start(spotctl.train(volume), preexec_fn=ignore_all)
    spotctl.wait_for_steps(volume)
    for number in ENDING:
        if number != signal.SIGTERM:
            process.send_signal(number)
            context.count("ignored signals")
    time.sleep(0.5)
    context.check(process.poll() is None, f"it trains on: {process.returncode}")
    process.send_signal(signal.SIGTERM)
    ended = spotctl.end(process)
    context.check(ended.code == 75 and "SIGTERM" in ended.err, f"the one that is not ignored: {ended}")
    spotctl.check_saved(volume, "ignored signals")

    for script, number in (('nohup "$@" & echo $!; wait $!', signal.SIGHUP), ('"$@" & echo $!; wait $!', signal.SIGINT),
                           ('trap "" INT; "$@" & echo $!; wait $!', signal.SIGINT)):
        volume = spotctl.volume()
        shell = spotctl.start(["sh", "-c", script, "sh", *spotctl.train(volume)])
        pid = int(shell.stdout.readline())
        try:
            spotctl.wait_for_steps(volume)
            os.kill(pid, number)
            time.sleep(0.3)
            os.kill(pid, 0)  # it lives
            os.kill(pid, signal.SIGTERM)
            context.check(spotctl.end(shell).code == 75, f"{script}: obeys SIGTERM")
        finally:
            if shell.poll() != 75:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        spotctl.check_saved(volume, script)
        context.count("background jobs and nohup")


def other_signals_do_what_they_always_did(context, spotctl):
    volume = spotctl.volume()
    # In a process group of its own: the system discards SIGTSTP in a group whose parents are all of another session.
    process = spotctl.start(spotctl.train(volume, "--json"), preexec_fn=os.setpgrp)
    spotctl.wait_for_steps(volume)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG):
        process.send_signal(number)
    process.send_signal(signal.SIGTSTP)
    stopped = harness.wait_until(lambda: "\nState:\tT" in open(f"/proc/{process.pid}/status").read())
    context.check(stopped, "SIGTSTP stops it")
    process.send_signal(signal.SIGCONT)
    time.sleep(0.2)
    context.check(process.poll() is None, "SIGPIPE and SIGXFSZ do not end it")
    process.send_signal(signal.SIGTERM)
    context.check(spotctl.end(process).code == 75, "and SIGTERM is obeyed afterwards")
    for number in (signal.SIGINT, signal.SIGTERM):
        process = spotctl.start([spotctl.spotctl, "bench", "--seconds", 60])
        time.sleep(1)
        process.send_signal(number)
        context.check(spotctl.end(process).code == -number, f"{name(number)} ends what has nothing to save")
    context.count("signals of other meaning", 7)


def start_on_a_disk_that_becomes_slow(context, spotctl, milliseconds):
    """A run under way, whose next save takes so much longer."""
    volume = spotctl.volume()
    slow = spotctl.folder / f"slow-{volume.name}"
    process = spotctl.start(spotctl.train(volume, "--json"), {
        "LD_PRELOAD": context.program("slow_sync.so"), "SLOW_SYNC_MS": str(milliseconds), "SLOW_SYNC_FROM": str(slow)})
    spotctl.wait_for_steps(volume)
    slow.touch()
    return volume, process


def a_second_signal_does_not_cost_the_save(context, spotctl):
    """The disk takes a second for it."""
    for numbers in ((signal.SIGTERM,) * 4, (signal.SIGINT,) * 3, (signal.SIGQUIT,) * 3,
                    (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)):
        volume, process = start_on_a_disk_that_becomes_slow(context, spotctl, 1000)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.1)
        context.check(process.poll() is None, f"{numbers} while it saves")
        ended = spotctl.end(process)
        context.check(ended.code == 75 and ended.last("end")["durable"], f"{numbers}: {ended}")
        spotctl.check_saved(volume, str(numbers))
        context.count("signals that came again", len(numbers))


def whoever_asks_by_hand_does_not_wait_for_a_dead_disk(context, spotctl):
    """The disk takes for ever. SIGTERM, however often, waits for it: the machine ends the process in time."""
    processes = []
    for numbers in ((signal.SIGINT, signal.SIGINT), (signal.SIGQUIT,), (signal.SIGTERM,) * 3):
        _, process = start_on_a_disk_that_becomes_slow(context, spotctl, 100_000)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.05)
        processes.append((numbers, process))
    for numbers, process in processes[:2]:
        took, ended = cli.seconds_of(lambda process=process: spotctl.end(process, 90))
        context.check(ended.code == 76 and took < 80, f"{numbers}: {ended} after {took:.1f} s")
        context.count("saves that were given up")
    process = processes[2][1]
    context.check(process.poll() is None, "SIGTERM does not give the save up")
    process.kill()
    process.communicate()


def a_signal_at_any_moment_from_exec_to_exit_loses_nothing(context, spotctl):
    for _ in range(context.amount(20, 200)):
        volume = spotctl.volume()
        process = spotctl.start(spotctl.train(volume, "--json", steps=600))
        time.sleep(context.random.random() * 0.4)
        process.send_signal(signal.SIGTERM)
        ended = spotctl.end(process)
        # Before main() runs, nobody can hear it.
        context.check(ended.code in (0, 75) or (ended.code == -signal.SIGTERM and not ended.out + ended.err),
                      f"at some moment: {ended}")
        end = ended.last("end")
        context.check(not end or end["durable"], f"what was said is so: {ended}")
        context.check(ended.code != 0 or end["reason"] == "done", f"success is success: {ended}")
        context.count(f"signals at some moment: {ended.code}")


def a_file_size_limit_is_an_error_and_no_death(context, spotctl):
    for limit in (20_000, 3_000, 600):  # within a checkpoint, the log of steps, nearly everything
        volume = spotctl.volume()

        def prepare(limit=limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        ended = spotctl.end(spotctl.start(
            spotctl.train(volume, "--json", "--checkpoint-steps", 20, steps=100), preexec_fn=prepare))
        context.check(ended.code == 74 and "File too large" in ended.err, f"limit of {limit} bytes: {ended}")
        failed = [line for line in ended.lines if line["event"] == "checkpoint"]
        context.check(all(line["status"] == "SPOT_E_NO_SPACE" for line in failed), f"reported as such: {failed}")
        context.check(limit < 1000 or len(failed) >= 4, f"it trains on without checkpoints: {ended}")
        left = [str(path) for path in volume.rglob("*")
                if ".tmp" in path.name or (path.suffix in (".new", ".spck") and path.is_file())]
        context.check(not left, f"no file is left behind: {left}")
        context.count("limits of file size")
    with open(spotctl.folder / "out", "wb") as out:  # a log that may not grow further, with a disk that may
        ended = spotctl.run("config", stdout=out, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (100, 100)))
    context.check(ended.code == 74 and "stdout: File too large" in ended.err, f"config >limited: {ended}")


PARTS = (a_signal_that_ends_a_process_saves_first, what_is_ignored_at_the_start_stays_ignored,
         other_signals_do_what_they_always_did, a_second_signal_does_not_cost_the_save,
         whoever_asks_by_hand_does_not_wait_for_a_dead_disk, a_signal_at_any_moment_from_exec_to_exit_loses_nothing,
         a_file_size_limit_is_an_error_and_no_death)


def row_27(context):
    with harness.scratch(harness.memory()) as folder:
        spotctl = cli.Cli(context, folder)
        for part in PARTS:
            with context.part():
                part(context, spotctl)


ROWS = {"27": ("signals that end, are ignored or come again; SIGPIPE, SIGXFSZ", row_27)}

#!/usr/bin/env python3
"""agents.py BUILD_DIR: the example agent of each language trains the same digits, is interrupted by a simulated notice of
AWS, goes on, and ends in the same bytes as all others and `spotctl train`; and says the same as all others when it is
stopped before its first step. A language without its agent is skipped."""

import json
import os
import pathlib
import select
import shutil
import signal
import socket
import sys

BUILD = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SPOTCTL", str(BUILD / "examples/spotctl/spotctl"))
sys.path.insert(0, str(SOURCE / "tests/fault"))

import spotctl  # noqa: E402

LIBRARY = BUILD / "src/capi"
SETTINGS = {"dataset": spotctl.dataset(), "model": "light-cnn", "steps": 300, "checkpoint_seconds": 0, "threads": 1,
            "poll_seconds": 0.1}


def built(path, how):
    """The command of a program; or why there is none."""
    return [str(path)] if path.exists() else f"{path.relative_to(BUILD)} is not built: {how}"


def agents():
    """Each language's command and environment; in place of the command why it is skipped."""
    beside = {"LD_LIBRARY_PATH": str(LIBRARY)}
    yield "C", built(BUILD / "examples/embed_c/embed_c", "cmake --build"), {}
    yield "C++", built(BUILD / "bindings/cpp/agent", "cmake --build"), {}
    yield "Go", built(BUILD / "bindings/go/agent", "bindings/go/test.sh does it, where Go is"), beside
    yield "Rust", built(BUILD / "bindings/rust/debug/examples/agent", "bindings/rust/test.sh does it, where Rust is"), beside
    yield "Python", [sys.executable, str(SOURCE / "bindings/python/examples/agent.py")], {
        "PYTHONPATH": str(SOURCE / "bindings/python"), "SPOT_TRAINER_LIBRARY": str(LIBRARY / "libspot_trainer.so.1"),
        "PYTHONDONTWRITEBYTECODE": "1"}
    yield "shell", [shutil.which("sh"), str(SOURCE / "bindings/shell/agent.sh")], {}


def steps_logged(volume):
    return sum(file.read_bytes().count(b"\n") for file in (volume / "logs").glob("*.steps.csv"))


def last_line(agent):
    return json.loads(agent.out.splitlines()[-1])


def inspect(volume):
    return json.loads(spotctl.run([spotctl.SPOTCTL, "inspect", str(volume), "--json"]).out)


def run(command, environment, volume, checks, language):
    """Interrupted and resumed; the state hash of the end."""
    def start(endpoint):
        settings = {**SETTINGS, "metadata": "aws", "metadata_endpoint": endpoint}
        return spotctl.start([*command, str(volume), *(f"{key}={value}" for key, value in settings.items())], environment)

    with spotctl.metadata_service() as (endpoint, service), start(endpoint) as agent:
        spotctl.wait_until(lambda: steps_logged(volume) > 20 or agent.code is not None)
        service.send_signal(signal.SIGUSR1)
        code = agent.end()
        checks.check(code == 75, f"{language}: interrupted with a durable checkpoint: {agent}")
        said = last_line(agent) if code == 75 else {}
        checks.check(said.get("reason") == "interrupted" and said["durable"] is True and 20 <= said["step"] < 300,
                     f"{language}: it says so: {said}")
    with spotctl.metadata_service() as (endpoint, _), start(endpoint) as agent:
        code = agent.end()
        checks.check(code == 0, f"{language}: goes on to the end: {agent}")
        resumed = last_line(agent) if code == 0 else {}
    checks.check(resumed.get("reason") == "done" and resumed["step"] == 300, f"{language}: it says so: {resumed}")
    # One that began anew would end in the same state.
    checks.check(said and inspect(volume)["parent_hash"] == said["state_hash"], f"{language}: it went on, and began not anew")
    print(f"{language:7} interrupted at step {said.get('step')}, then {resumed.get('state_hash')}", flush=True)
    return resumed.get("state_hash")


def stop_early(command, environment, volume, checks, language):
    """SIGTERM while the dataset is on the way: nothing is lost, and it says so."""
    with socket.create_server(("127.0.0.1", 0)) as mirror:  # which never answers
        settings = ["dataset=kmnist", f"dataset_mirrors=http://127.0.0.1:{mirror.getsockname()[1]}/", "metadata=none"]
        with spotctl.start([*command, str(volume), *settings], environment) as agent:
            spotctl.wait_until(lambda: select.select([mirror], [], [], 0)[0] or agent.code is not None)
            agent.process.send_signal(signal.SIGTERM)
            code = agent.end()
            checks.check(code == 75, f"{language}: stopped before its first step: {agent}")
            said = last_line(agent) if code == 75 else {}
    # To spotctl, which the shell's agent is, a signal is a notice.
    reason = "interrupted" if language == "shell" else "cancelled"
    checks.check(said == {"reason": reason, "step": 0, "durable": True, "state_hash": ""}, f"{language}: it says so: {said}")


def main():
    checks = spotctl.Checks()
    with spotctl.scratch() as folder:
        volume = spotctl.new_volume(folder, "spotctl")
        whole = spotctl.run(spotctl.command(volume, *(f"--set={key}={value}" for key, value in SETTINGS.items())))
        expected = whole.last("end")["state_hash"] if whole.code == 0 else f"none: {whole.err}"
        print(f"spotctl, uninterrupted, {expected}", flush=True)
        for language, command, environment in agents():
            if isinstance(command, str):
                print(f"{language:7} skipped: {command}", flush=True)
                continue
            volume = spotctl.new_volume(folder, language)
            stop_early(command, environment, spotctl.new_volume(folder, f"{language}-early"), checks, language)
            checks.check(run(command, environment, volume, checks, language) == expected, f"{language}: the same state")
    checks.exit()


main()

#!/usr/bin/env python3
"""agents.py BUILD_DIR: the example agent of each language trains the same digits, is interrupted by a simulated notice of
AWS, goes on, and ends in the same bytes as all others and `spotctl train`. Streams that are closed or broken, and a signal
that comes while the trainer is being created, change nothing of what it does. Exit code 77: all that could be compared
held, but the toolchain of a language is missing."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("SPOTCTL", str(BUILD / "examples/spotctl/spotctl"))
sys.path.insert(0, str(SOURCE / "tests/fault"))

import harness  # noqa: E402
import spotctl  # noqa: E402

LIBRARY = BUILD / "src/capi"
SKIPPED = 77
SETTINGS = {"dataset": spotctl.dataset(), "model": "light-cnn", "steps": 300, "checkpoint_seconds": 0, "threads": 1,
            "poll_seconds": 0.1}
# Enough for every agent to say something of a step and of a checkpoint.
SHORT = {**SETTINGS, "model": "mlp", "batch_size": 16, "steps": 100, "checkpoint_steps": 40, "metadata": "none"}


@dataclasses.dataclass
class Agent:
    language: str
    command: list
    environment: dict = dataclasses.field(default_factory=dict)
    tools: tuple = ()  # what the language's test.sh looks for before it builds the agent

    @property
    def is_built(self):
        return pathlib.Path(self.command[-1]).exists()

    @property
    def missing_tools(self):
        return [tool for tool in self.tools if not shutil.which(tool)]

    def arguments(self, volume, settings):
        return [*map(str, self.command), str(volume), *(f"{key}={value}" for key, value in settings.items())]


def agents():
    beside = {"LD_LIBRARY_PATH": str(LIBRARY)}
    return [
        Agent("C", [BUILD / "examples/embed_c/embed_c"]),
        Agent("C++", [BUILD / "bindings/cpp/agent"]),
        Agent("Go", [BUILD / "bindings/go/agent"], beside, ("go", "gcc", "pkg-config")),
        Agent("Rust", [BUILD / "bindings/rust/debug/examples/agent"], beside,
              ("cargo", "rustc", "rustfmt", "cargo-clippy", "cc", "pkg-config")),
        Agent("Python", [sys.executable, SOURCE / "bindings/python/examples/agent.py"],
              {"PYTHONPATH": str(SOURCE / "bindings/python"),
               "SPOT_TRAINER_LIBRARY": str(LIBRARY / "libspot_trainer.so.1"), "PYTHONDONTWRITEBYTECODE": "1"}),
        Agent("shell", [shutil.which("sh"), SOURCE / "bindings/shell/agent.sh"])]


def steps_logged(volume):
    return sum(file.read_bytes().count(b"\n") for file in (volume / "logs").glob("*.steps.csv"))


def last_line(text):
    """As JSON; nothing where it is none."""
    with contextlib.suppress(IndexError, ValueError):
        return json.loads(text.splitlines()[-1])
    return {}


def inspect(volume):
    return last_line(spotctl.run([spotctl.SPOTCTL, "inspect", str(volume), "--json"]).out)


def expected_hash(folder, name, settings):
    """Of spotctl's run that nothing disturbs."""
    volume = spotctl.new_volume(folder, name)
    whole = spotctl.run(spotctl.command(volume, *(f"--set={key}={value}" for key, value in settings.items())))
    return whole.last("end")["state_hash"] if whole.code == 0 else f"none: {whole.err}"


def run(agent, volume, checks):
    """Interrupted and resumed; the state hash of the end."""
    def start(endpoint):
        settings = {**SETTINGS, "metadata": "aws", "metadata_endpoint": endpoint}
        return spotctl.start(agent.arguments(volume, settings), agent.environment)

    language = agent.language
    with spotctl.metadata_service() as (endpoint, service), start(endpoint) as program:
        spotctl.wait_until(lambda: steps_logged(volume) > 20 or program.code is not None)
        service.send_signal(signal.SIGUSR1)
        code = program.end()
        checks.check(code == 75, f"{language}: interrupted with a durable checkpoint: {program}")
        said = last_line(program.out)
        checks.check(said.get("reason") == "interrupted" and said["durable"] is True and said["step"] in range(20, 300),
                     f"{language}: it says so: {said}")
    with spotctl.metadata_service() as (endpoint, _), start(endpoint) as program:
        code = program.end()
        checks.check(code == 0, f"{language}: goes on to the end: {program}")
        resumed = last_line(program.out)
    checks.check(resumed.get("reason") == "done" and resumed["step"] == 300, f"{language}: it says so: {resumed}")
    # One that began anew would end in the same state.
    checks.check(said and inspect(volume).get("parent_hash") == said["state_hash"], f"{language}: it went on, and began not anew")
    print(f"{language:7} interrupted at step {said.get('step')}, then {resumed.get('state_hash')}", flush=True)
    return resumed.get("state_hash")


def run_without(agent, volume, checks, expected, streams, broken):
    """A whole run whose streams, by number, are closed, or pipes that nobody reads any more."""
    what = f"{agent.language}: streams {streams} are {'broken' if broken else 'closed'}"
    reader, writer = os.pipe()
    os.close(reader)

    def close_streams():
        for number in streams:
            os.close(number)

    program = harness.start(agent.arguments(volume, SHORT), stdin=subprocess.DEVNULL,
                            stdout=writer if 1 in streams else subprocess.PIPE,
                            stderr=writer if 2 in streams else subprocess.PIPE,
                            env={**os.environ, **agent.environment}, preexec_fn=None if broken else close_streams)
    os.close(writer)
    out, err = program.communicate(timeout=harness.PATIENCE)
    checks.check(program.returncode == 0, f"{what}: exit code {program.returncode}: {out} {err}")
    if out is not None:
        said = last_line(out.decode())
        checks.check(said.get("reason") == "done" and said.get("state_hash") == expected, f"{what}: its last line: {out}")
    checks.check(inspect(volume).get("state_hash") == expected, f"{what}: the same state")
    # A file may get the number of a stream that is closed.
    strayed = [path.name for path in volume.rglob("*") if path.is_file() and
               any(said in path.read_bytes() for said in (b"step 100", b'"durable"'))]
    checks.check(not strayed, f"{what}: what it says lands in {strayed}")


def stop_while_created(agent, volume, checks):
    """By SIGTERM, once it has asked a mirror for the dataset, which never answers."""
    what = f"{agent.language}: stopped while the trainer is created"
    with socket.create_server(("127.0.0.1", 0)) as mirror:
        mirror.settimeout(harness.PATIENCE)
        settings = {"dataset": "kmnist", "dataset_mirrors": f"http://127.0.0.1:{mirror.getsockname()[1]}/", "metadata": "none"}
        with spotctl.start(agent.arguments(volume, settings), agent.environment) as program:
            with mirror.accept()[0]:
                program.process.terminate()
                code = program.end()
            said = last_line(program.out)
            checks.check(code == 75, f"{what}: {program}")
            checks.check(said.get("reason") in ("cancelled", "interrupted") and said.get("durable") is True and
                         said.get("step") == 0 and said.get("state_hash") == "", f"{what}: its last line: {program}")


def compare(agent, folder, checks, expected, expected_short):
    volume = spotctl.new_volume(folder, agent.language)
    checks.check(run(agent, volume, checks) == expected, f"{agent.language}: the same state")
    for streams, broken in (((2,), True), ((1,), True), ((2,), False), ((1,), False), ((0, 1, 2), False)):
        volume = spotctl.new_volume(folder, f"{agent.language}-{len(list(folder.iterdir()))}")
        run_without(agent, volume, checks, expected_short, streams, broken)
    stop_while_created(agent, spotctl.new_volume(folder, f"{agent.language}-creation"), checks)


def main():
    checks, missing = spotctl.Checks(), []
    with spotctl.scratch() as folder:
        expected = expected_hash(folder, "spotctl", SETTINGS)
        expected_short = expected_hash(folder, "spotctl-short", SHORT)
        print(f"spotctl, uninterrupted, {expected}", flush=True)
        for agent in agents():
            if agent.is_built:
                compare(agent, folder, checks, expected, expected_short)
            elif agent.missing_tools:
                missing.append(f"{agent.language} ({', '.join(agent.missing_tools)})")
            else:
                checks.check(False, f"{agent.language}: {agent.command[-1].relative_to(BUILD)} is not built: "
                             "`cmake --build` does it, of Go and Rust `ctest -R binding_`")
    if missing and not checks.failed:
        print(f"{checks.passed} checks held; not compared for want of a toolchain: {', '.join(missing)}")
        sys.exit(SKIPPED)
    checks.exit()


main()

#!/usr/bin/env python3
"""Interruption notices against the real program: what services answer, when a notice is a new one, what is left over
from before, and who asks whom."""
import contextlib
import json
import os
import signal
import socket
import urllib.parse
import urllib.request

import spotctl

QUICK = ["--dataset", "synthetic", "--model", "mlp", "--batch-size", 32]
ENDLESS = [*QUICK, "--epochs", 1000000, "--checkpoint-epochs", 0, "--checkpoint-seconds", 0]
POLL = ["--poll-seconds", 0.05]
PATIENCE = 60  # seconds; a loaded machine is slow
checks = spotctl.Checks()


def program(*arguments, env=None):
    return spotctl.start([spotctl.SPOTCTL, *arguments], env)


def watch(endpoint, *flags, env=None):
    return program("watch", "--metadata", "aws", "--metadata-endpoint", endpoint, *POLL, *flags, env=env)


def train(volume, *flags, metadata="none", env=None):
    return program("train", "--volume", volume, "--metadata", metadata, "--json", *POLL, *flags, env=env)


def doctor(volume, *flags, env=None):
    """Exit code, status and detail of the finding on metadata."""
    result = spotctl.run([spotctl.SPOTCTL, "doctor", "--volume", str(volume), "--json", *map(str, QUICK),
                          *map(str, flags)], env=env)
    finding = next(e for e in map(json.loads, result.out.splitlines()) if e["check"] == "metadata")
    return result.code, finding["status"], finding["detail"]


def post(endpoint, what):
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/simulate/{what}", method="POST"), timeout=PATIENCE).read()


def token_never_answered(folder):
    hop = ("--token-fault", "hang")
    volume = spotctl.new_volume(folder, "hop")
    with spotctl.metadata_service(*hop, "--v1", "--notice-after", 0) as (endpoint, _):
        with watch(endpoint, "--metadata-v1", "true", "--once") as watcher:
            notice = watcher.next("notice")
            checks.check(notice and notice["action"] == "terminate",
                         f"with metadata_v1 a service whose token never comes is asked without one: {watcher.err}")
    with program("simulate", "aws", *hop, "--v1") as service:
        endpoint = service.next("listening")["endpoint"]
        with watch(endpoint, "--metadata-v1", "true"):
            methods = [(service.next("request") or {}).get("method") for _ in range(24)]
        checks.check(methods.count("PUT") == 1, f"the token is not asked for again at every poll: {methods}")
    with spotctl.metadata_service(*hop, "--notice-after", 0) as (endpoint, _):
        for metadata in ("aws", "auto"):
            code, status, detail = doctor(volume, "--metadata", metadata, "--metadata-endpoint", endpoint)
            checks.check(status == ("fail" if metadata == "aws" else "warn") and "hop limit" in detail
                         and "--http-put-response-hop-limit 2" in detail and code == (69 if metadata == "aws" else 0),
                         f"{metadata}: doctor names the hop limit and its cure: {code} {status} {detail}")
        with train(volume, *ENDLESS, "--metadata-endpoint", endpoint, metadata="aws") as lines:
            checks.check(lines.says("hop-limit"),
                         f"a run's log names the hop limit: {lines.err}")
            lines.process.terminate()
            checks.check(lines.end() == 75, "and the run trains on")
    with spotctl.metadata_service("--token-fault", "403") as (endpoint, _):
        _, _, detail = doctor(volume, "--metadata", "aws", "--metadata-endpoint", endpoint)
        checks.check("disabled for this instance" in detail and "--http-endpoint enabled" in detail,
                     f"403: doctor says that the service is disabled: {detail}")
    with spotctl.metadata_service("--token-fault", "403") as (endpoint, _):
        _, _, detail = doctor(volume, "--metadata", "aws", "--metadata-endpoint", endpoint, "--metadata-v1", "true")
        checks.check("requires a session token" in detail, f"v1 refused: doctor says so: {detail}")


def times_in_every_form():
    for form, bounded in (("utc", True), ("offset", True), ("lower", True), ("space", True), ("fraction", True),
                          ("number", False), ("none", False), ("in a while", False), ("", False)):
        with spotctl.metadata_service("--notice-after", 0, "--notice-seconds", 60, "--time", form) as (endpoint, _):
            with watch(endpoint, "--once") as watcher:
                notice = watcher.next("notice")
                checks.check(notice and notice["action"] == "terminate" and notice["ends_run"],
                             f"time '{form}': the action is obeyed: {notice} {watcher.err}")
                checks.check(notice and 50 < notice["deadline_s"] <= (61 if bounded else 120)
                             and (bounded or notice["deadline_s"] > 70), f"time '{form}': its deadline: {notice}")
    with spotctl.metadata_service("--notice-after", 0, "--action", "evaporate", "--time", "soon") as (endpoint, _):
        with watch(endpoint, "--once") as watcher:
            notice = watcher.next("notice")
            checks.check(notice and notice["action"] == "terminate" and "evaporate" in notice["detail"],
                         f"an unknown action without a readable time counts as terminate: {notice}")
    for body in ("<html>Sign in</html>", "[]", '{"time": "2026-01-01T00:00:00Z"}', '{"action": "terminate"'):
        with spotctl.metadata_service("--notice-after", 0, "--body", body) as (endpoint, _):
            with program("doctor", "--volume", os.devnull + "/none", "--json", "--metadata", "aws",
                         "--metadata-endpoint", endpoint) as lines:
                lines.end()
            finding = next(line for line in lines.events if line["check"] == "metadata")
            checks.check(finding["status"] == "fail" and "unreadable" in finding["detail"],
                         f"'{body}' is unknown and no notice: {finding}")


def each_event_once():
    with spotctl.metadata_service("--notice-after", 0, "--action", "hibernate", "--notice-seconds", 5,
                                  "--withdraw-after", 1, "--again-after", 1) as (endpoint, _):
        with watch(endpoint) as watcher:
            told = [watcher.next("notice") for _ in range(3)]
            checks.check(None not in told, f"a second hibernation is told again: {told}")
            if None not in told:
                checks.check([n["withdrawn"] for n in told] == [False, True, False]
                             and told[0]["id"] == told[1]["id"] != told[2]["id"]
                             and all(n["action"] == "hibernate" for n in told)
                             and [n["ends_run"] for n in told] == [True, False, True]
                             and told[1]["deadline_s"] is None, f"notice, withdrawal, notice: {told}")
    with spotctl.metadata_service("--rebalance-after", 0, "--rebalance-again-after", 2) as (endpoint, _):
        with watch(endpoint) as watcher:
            told = [watcher.next("notice") for _ in range(3)]
            ids = [n["id"] for n in told if n and n["action"] == "rebalance" and not n["withdrawn"]]
            checks.check(len(ids) == 2 and ids[0] != ids[1], f"a rebalance hours later is told again: {told}")
            checks.check(watcher.next("notice", 1) is None, "and no more than that")


def rebalance_has_no_end():
    with spotctl.metadata_service("--rebalance-after", 0) as (endpoint, service):
        with watch(endpoint, "--once") as watcher:
            notice = watcher.next("notice")
            checks.check(notice and notice["deadline_s"] is None and not notice["ends_run"],
                         f"a rebalance recommendation has no deadline: {notice}")
            checks.check(watcher.end() == 0, "watch --once ends at it")
        with watch(endpoint, "--once", "--until", "interruption", "--json") as watcher:
            first = watcher.next("notice")
            checks.check(first and first["action"] == "rebalance", "watch --until interruption tells of it")
            service.send_signal(signal.SIGUSR1)
            notice = watcher.next("notice")
            checks.check(notice and notice["ends_run"] and watcher.end() == 0,
                         f"and waits for an interruption: {notice}")


def environment(folder):
    volume = spotctl.new_volume(folder, "environment")
    for value in ("true", "True", "TRUE"):
        off = {"AWS_EC2_METADATA_DISABLED": value}
        _, status, detail = doctor(volume, "--metadata", "auto", env=off)
        checks.check(status == "warn" and "AWS_EC2_METADATA_DISABLED" in detail,
                     f"AWS_EC2_METADATA_DISABLED={value} switches auto off, and doctor says so: {detail}")
    with spotctl.metadata_service("--notice-after", 0) as (endpoint, _):
        variables = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint + "/"}
        with program("watch", "--metadata", "aws", "--once", *POLL, env=variables) as watcher:
            checks.check(watcher.next("notice") is not None, "metadata=aws wins over AWS_EC2_METADATA_DISABLED")
            watcher.end()
            checks.check("AWS_EC2_METADATA_DISABLED" in watcher.err, f"with a warning: {watcher.err}")
    for mode in ("IPv6", "ipv6", "IPV6"):
        _, _, detail = doctor(volume, "--metadata", "aws", env={"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": mode})
        checks.check("fd00:ec2::254" in detail, f"mode {mode}: the service's address of IPv6 is asked: {detail}")
    key, variable, mode = "metadata_endpoint", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
    for name, value in ((key, "https://169.254.169.254"), (key, "169.254.169.254"), (key, "http://"), (key, "ftp://x"),
                        (key, "http://host:port"), (key, "http://[fd00"), (key, "http://a b"), (key, "http://x?y=1"),
                        (variable, "https://x"), (variable, "localhost:1338"), (mode, "IPv5")):
        flags = ["--metadata-endpoint", value] if name == key else []
        result = spotctl.run([spotctl.SPOTCTL, "watch", "--once", "--metadata", "aws", *flags],
                             env={} if flags else {name: value})
        checks.check(result.code == 64 and name in result.err and value.split("?")[0] in result.err,
                     f"{name}='{value}' is refused by name: {result.code} {result.err}")


def left_over(folder):
    stop = folder / "stop"
    stop.write_text("left from before")
    for metadata, flags in ((f"file:{stop}", []), ("aws", None)):
        name = metadata.split(":")[0]
        volume = spotctl.new_volume(folder, f"left-over-{name}")
        with contextlib.ExitStack() as stack:
            if flags is None:
                endpoint, _ = stack.enter_context(
                    spotctl.metadata_service("--notice-after", 0, "--time", "2020-01-01T00:00:00Z"))
                flags = ["--metadata-endpoint", endpoint]
            result = spotctl.run(spotctl.command(volume, *QUICK, "--steps", 400, *POLL, *flags, metadata=metadata))
        told = result.last("interruption")
        checks.check(result.code == 0 and result.last("end")["step"] == 400,
                     f"{name}: a notice from before does not end a run: {result.code} {result.err}")
        checks.check(told and told["stale"] and not told["ends_run"] and told["deadline_s"] is None,
                     f"{name}: it is reported as stale: {told}")
        checks.check("s left" not in result.err and "from before" in result.err, f"{name}: and said so: {result.err}")

    # Written anew, the file counts; vanished, it does not.
    volume = spotctl.new_volume(folder, "written-anew")
    with train(volume, *ENDLESS, "--json-step-seconds", 0, metadata=f"file:{stop}") as lines:
        lines.next("step")
        stop.write_text("and now")
        checks.check(lines.end() == 75, f"a file that is written again ends the run: {lines.err}")
    with program("watch", "--metadata", f"file:{stop}") as watcher:
        first = watcher.next("notice")
        stop.unlink()
        second = watcher.next("notice")
        stop.write_text("new")
        third = watcher.next("notice")
        stop.unlink()
        fourth = watcher.next("notice")
        told = [first, second, third, fourth]
        checks.check(None not in told and [n["ends_run"] for n in told] == [False, False, True, False]
                     and [n["withdrawn"] for n in told] == [False, True, False, True]
                     and first["id"] == second["id"] != third["id"] == fourth["id"],
                     f"a file that vanishes takes its notice back: {told}")

    # A wrong clock: the notice comes now, whatever time it states.
    volume = spotctl.new_volume(folder, "wrong-clock")
    with spotctl.metadata_service("--notice-seconds", -7200) as (endpoint, service):
        with train(volume, *ENDLESS, "--json-step-seconds", 0, "--metadata-endpoint", endpoint,
                   metadata="aws") as lines:
            lines.next("step")
            # The first look is over when the log says so.
            lines.says("source answers")
            service.send_signal(signal.SIGUSR1)
            told = lines.next("interruption")
            end = lines.next("end")
            checks.check(told and told["stale"] and told["ends_run"] and told["deadline_s"] > 60,
                         f"a notice that comes while it is watched for is obeyed although its time is past: {told}")
            checks.check(lines.end() == 75 and end and end["durable"] and end["margin_s"] > 60,
                         f"with a save at once: {end}")


def hostile_requests():
    with spotctl.metadata_service("--notice-after", 0) as (endpoint, _):
        address = urllib.parse.urlparse(endpoint)
        for request in (b"GET /\xff HTTP/1.1\r\n\r\n", b"\xff\xfe \x80 \r\n\r\n", b"GET\r\n\r\n", b" / \r\n: \r\n\r\n",
                        b"PUT /latest/api/token HTTP/1.1\r\nX-aws-ec2-metadata-token-ttl-seconds: \xff\r\n\r\n",
                        b"POST /" + b"\xe4" * 60000 + b" HTTP/1.1\r\n\r\n", b"\0" * 70000):
            with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    while connection.recv(65536):
                        pass
        with watch(endpoint, "--once") as watcher:
            checks.check(watcher.next("notice") is not None, "simulate goes on after requests that are none")


with spotctl.scratch() as scratch:
    token_never_answered(scratch)
    times_in_every_form()
    each_event_once()
    rebalance_has_no_end()
    environment(scratch)
    left_over(scratch)
    hostile_requests()
checks.exit()

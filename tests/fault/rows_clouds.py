#!/usr/bin/env python3
"""Every cloud's metadata service against the real program: a run that its notice ends goes on to the same bytes, and
nothing else that the service does ends one. Clients of the clouds' own find in a rehearsal what they find there."""
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request

import spotctl

CLOUDS = ("aws", "gcp", "azure", "alibaba", "tencent")
FLAGS = ["--dataset", "synthetic", "--model", "lenet-5", "--optimizer", "adam", "--steps", 400, "--batch-size", 64,
         "--run-id", "run", "--poll-seconds", 0.05]
PATIENCE = 60  # seconds; a loaded machine is slow
checks = spotctl.Checks()


def post(endpoint, what):
    request = urllib.request.Request(f"{endpoint}/simulate/{what}", method="POST")
    urllib.request.urlopen(request, timeout=PATIENCE).read()


class Volumes:
    """Volumes with the digits on them: drawing them takes longer than the rest of a start."""

    def __init__(self, folder):
        self.folder = folder
        self.whole = spotctl.new_volume(folder, "whole")
        self.expected = spotctl.run(spotctl.command(self.whole, *FLAGS)).last("end")["state_hash"]

    def new(self, name):
        volume = spotctl.new_volume(self.folder, name)
        shutil.copytree(self.whole / "datasets", volume / "datasets")
        return volume

    def start(self, name, cloud, endpoint, *flags):
        return spotctl.start(spotctl.command(self.new(name), *FLAGS, "--json-step-seconds", 0, "--metadata-endpoint",
                                             endpoint, *flags, metadata=cloud))


def interrupted_and_resumed(volumes, cloud, what, *simulator, most, metadata=None):
    """The notice comes in the middle of training; `most` is the longest that it may leave."""
    with spotctl.metadata_service(*simulator, cloud=cloud) as (endpoint, _):
        with volumes.start(what, metadata or cloud, endpoint) as run:
            run.says('"step":20,')
            post(endpoint, "notice")
            run.end()
    told, end = run.last("interruption"), run.last("end")
    checks.check(run.code == 75 and end["reason"] == "interrupted" and end["durable"], f"{what}: interrupted, durable: {run}")
    checks.check(told and told["source"].startswith(cloud), f"{what}: by that cloud: {told}")
    checks.check(told and told["deadline_s"] <= most, f"{what}: its deadline: {told}")
    checks.check(end["notice_to_durable_ms"] < 10_000, f"{what}: soon: {end}")
    result = spotctl.run(spotctl.command(volumes.folder / what, *FLAGS))
    checks.check(result.code == 0 and result.last("start")["resumed"], f"{what}: resumes and finishes: {result.err}")
    checks.check(result.last("end")["state_hash"] == volumes.expected, f"{what}: the same bytes as without interruption")


def saved_for_and_trained_through(volumes, cloud, what, *simulator):
    """A notice that ends no run."""
    with spotctl.metadata_service(*simulator, cloud=cloud) as (endpoint, _):
        with volumes.start(what, cloud, endpoint) as run:
            run.end()
    checks.check(run.code == 0, f"{what}: does not end the run: {run}")
    checks.check(any(e["event"] == "checkpoint" and e["reason"] == "notice" for e in run.events), f"{what}: is saved for")
    checks.check(run.last("end")["state_hash"] == volumes.expected, f"{what}: the same bytes")


def failures_end_no_run(volumes, cloud):
    for fault in ("401", "404", "503", "html", "garbage", "types", "hang", "endless", "reset", "redirect"):
        what = f"{cloud}-{fault}"
        with spotctl.metadata_service("--notice-after", 0, "--fault", fault, cloud=cloud) as (endpoint, _):
            with volumes.start(what, cloud, endpoint, "--steps", 60) as run:
                run.end()
        checks.check(run.code == 0 and run.last("interruption") is None, f"{what}: no notice, and the run is done: {run}")
        shutil.rmtree(volumes.folder / what)


def a_repaired_service_is_heard(volumes, cloud):
    with spotctl.metadata_service("--fault", "503", cloud=cloud) as (endpoint, _):
        with volumes.start(f"{cloud}-repaired", cloud, endpoint, "--steps", 1000000, "--epochs", 100000) as run:
            checks.check(run.says("no clear answer"), f"{cloud}: the failure is told: {run}")
            post(endpoint, "repair")
            checks.check(run.says("source answers"), f"{cloud}: and that it is over: {run}")
            post(endpoint, "notice")
            checks.check(run.end() == 75, f"{cloud}: a notice after a failure is heard: {run}")


def doctor_asks(volumes, cloud):
    for flags, code, status in (((), 0, "ok"), (("--fault", "503"), 69, "fail"), (("--notice-after", 0), 0, "warn")):
        with spotctl.metadata_service(*flags, cloud=cloud) as (endpoint, _):
            result = spotctl.run([spotctl.SPOTCTL, "doctor", "--volume", str(volumes.whole), "--json", "--metadata", cloud,
                                  "--metadata-endpoint", endpoint, "--poll-seconds", "0.05", *map(str, FLAGS[:4])])
        found = next(e for e in map(json.loads, result.out.splitlines()) if e["check"] == "metadata")
        checks.check(result.code == code and found["status"] == status, f"doctor, {cloud} {flags}: {result.code} {found}")


def environment_names_the_server():
    with spotctl.metadata_service("--notice-after", 0, cloud="gcp") as (endpoint, _):
        host = urllib.parse.urlparse(endpoint).netloc
        with spotctl.start([spotctl.SPOTCTL, "watch", "--metadata", "gcp", "--once"], {"GCE_METADATA_HOST": host}) as watcher:
            notice = watcher.next("notice")
            checks.check(notice and notice["source"] == "gcp-preempted" and notice["deadline_s"] <= 30,
                         f"GCE_METADATA_HOST is honoured: {notice} {watcher.err}")
    with spotctl.metadata_service("--notice-after", 0, cloud="gcp") as (endpoint, _):
        with spotctl.start([spotctl.SPOTCTL, "watch", "--metadata", "gcp", "--metadata-endpoint", endpoint, "--once",
                            "--gcp-notice-seconds", "120"]) as watcher:
            notice = watcher.next("notice")
            checks.check(notice and 90 < notice["deadline_s"] <= 120, f"gcp_notice_seconds: {notice}")
    result = spotctl.run([spotctl.SPOTCTL, "watch", "--once", "--metadata", "gcp"], env={"GCE_METADATA_HOST": "http://x"})
    checks.check(result.code == 64 and "GCE_METADATA_HOST" in result.err, f"a host that is none is refused: {result.err}")


def a_file_tells_its_reason(folder):
    signal_file = folder / "MITHRIL_SIGNAL.yml"
    with spotctl.start([spotctl.SPOTCTL, "watch", "--metadata", f"file:{signal_file}", "--once", "--poll-seconds", "0.05"]) as w:
        signal_file.write_text("event: preemption\nreason: outbid\nat: 2026-11-30T12:00:00Z\n")
        notice = w.next("notice")
    words = notice and notice["detail"]
    checks.check(words and all(field in words for field in ("preemption", "outbid", "12:00:00Z")) and "\n" not in words,
                 f"a file with fields: all of it is the reason, in one line: {notice}")


def simulate_says_what_is_wrong():
    for arguments, word in ((["azur"], "'azure'"), (["gcp", "--fault", "418"], "--fault"),
                            (["azure", "--first-seconds", "-1"], "--first-seconds")):
        result = spotctl.run([spotctl.SPOTCTL, "simulate", *arguments])
        checks.check(result.code == 64 and word in result.err, f"simulate {arguments}: {result.code} {result.err}")


def one_connection_many_requests():
    """Bodies, and requests behind them, are read as what they are."""
    with spotctl.metadata_service("--notice-after", 0, "--notice-seconds", 3600, cloud="azure") as (endpoint, _):
        address = urllib.parse.urlparse(endpoint)
        event = b'{"StartRequests": [{"EventId": "c7061bac-afdc-4513-b24b-000000000001"}]}'
        path = b"/metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\nMetadata: true\r\n"
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET " + path + b"\r\nPOST " + path + b"Content-Length: %d\r\n\r\n" % len(event) + event +
                               b"GET " + path + b"\r\n")
            connection.shutdown(socket.SHUT_WR)
            answers = b""
            while piece := connection.recv(65536):
                answers += piece
        checks.check(answers.count(b"HTTP/1.1 200 OK") == 3 and answers.index(b"Scheduled\"") < answers.index(b"Started\""),
                     f"an event is started by request: {answers}")


GOOGLE = """
import google.auth, google.auth.transport.requests as transport
from google.auth import compute_engine
request = transport.Request()
credentials, project = google.auth.default()
credentials.refresh(request)
identity = compute_engine.IDTokenCredentials(request, "https://example.org", use_metadata_identity_endpoint=True)
identity.refresh(request)
print(type(credentials).__module__, project, credentials.token, credentials.service_account_email, bool(identity.token))
"""
AZURE = """
from azure.identity import ManagedIdentityCredential
token = ManagedIdentityCredential().get_token("https://management.azure.com/.default")
print(token.token)
"""


def clients_of_the_clouds():
    """google-auth and azure-identity, where they are installed (PyPI)."""
    def client(module, script, environment):
        if not importlib.util.find_spec(module):
            print(f"skipped: {module} is not installed")
            return None
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env={**os.environ, **environment})

    with contextlib.suppress(ModuleNotFoundError), spotctl.metadata_service(cloud="gcp") as (endpoint, _):
        host = urllib.parse.urlparse(endpoint).netloc
        said = client("google.auth.transport.requests", GOOGLE, {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host})
        checks.check(said is None or said.stdout.split() == ["google.auth.compute_engine.credentials", "spot-trainer-rehearsal",
                                                             "ya29.rehearsal-only", "rehearsal@spot-trainer-rehearsal"
                                                             ".iam.gserviceaccount.com", "True"],
                     f"google-auth finds itself on GCP: {said}")
    with contextlib.suppress(ModuleNotFoundError), spotctl.metadata_service(cloud="azure") as (endpoint, _):
        said = client("azure.identity", AZURE, {"AZURE_POD_IDENTITY_AUTHORITY_HOST": endpoint})
        checks.check(said is None or said.stdout.strip() == "rehearsal-only", f"azure-identity gets a token: {said}")


with spotctl.scratch() as scratch:
    simulate_says_what_is_wrong()
    one_connection_many_requests()
    environment_names_the_server()
    a_file_tells_its_reason(scratch)
    clients_of_the_clouds()
    place = Volumes(scratch)
    for name, longest in zip(CLOUDS, (120, 30, 30, 300, 120)):
        interrupted_and_resumed(place, name, name, most=longest)
        interrupted_and_resumed(place, name, f"{name}-auto", most=longest, metadata="auto")
        failures_end_no_run(place, name)
        a_repaired_service_is_heard(place, name)
        doctor_asks(place, name)
    interrupted_and_resumed(place, "azure", "azure-started", "--event-type", "Redeploy", "--started", most=0)
    interrupted_and_resumed(place, "azure", "azure-first", "--first-seconds", 1, most=30)
    saved_for_and_trained_through(place, "azure", "azure-freeze", "--notice-after", 0, "--event-type", "Freeze")
    saved_for_and_trained_through(place, "aws", "aws-maintenance", "--maintenance-after", 0)
    saved_for_and_trained_through(place, "gcp", "gcp-migration", "--maintenance-after", 0)
checks.exit()

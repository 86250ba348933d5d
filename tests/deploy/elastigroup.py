#!/usr/bin/env python3
"""The Elastigroup: its body by the models of Spot's own SDK, and its calls, which are to be those of the SDK.

elastigroup.py BUILD_DIR. Exit code 77: no PyPI, curl or jq.
"""
import base64
import http.server
import inspect
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

import pypi

BUILD = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "build"
if not (shutil.which("curl") and shutil.which("jq")):
    print("skipped: curl or jq is missing")
    sys.exit(pypi.SKIPPED)
sys.argv.insert(1, BUILD)
pypi.with_packages(BUILD, "spotinst-sdk2==3.22.0")
sys.argv.pop(1)

import spotinst_sdk2  # noqa: E402
from spotinst_sdk2.models.elastigroup import aws as models  # noqa: E402

PLACE = pathlib.Path(__file__).resolve().parents[2] / "examples/deploy/aws-elastigroup"
GROUP = json.loads((PLACE / "group.json").read_text())["group"]
NAME, TOKEN, ACCOUNT = GROUP["name"], "a-secret-token", "act-1"

# The SDK's comment has a list here; Amazon's and Spot's API have one.
TYPES = {"BlockDeviceMapping.ebs": "EBS"}


def snake(name):
    return re.sub(r"([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def as_model(name, values):
    """The JSON as objects of the SDK; fails where a name or a type is none of its."""
    model = getattr(models, name)
    types = dict(re.findall(r"^\s*(\w+)\s*:\s*(\S+)", inspect.getdoc(model), re.MULTILINE))
    known = inspect.signature(model).parameters
    fields = {}
    for key, value in values.items():
        key, where = snake(key), f"{name}.{key}"
        assert key in known, f"{where} is no field"
        fields[key] = of_type(where, TYPES.get(where, types[key]), value)
    return model(**fields)


def of_type(where, kind, value):
    plain = {"str": str, "int": int, "bool": bool, "float": (int, float)}
    if kind in plain:
        is_bool = isinstance(value, bool)
        assert isinstance(value, plain[kind]) and is_bool == (kind == "bool"), f"{where}: {value!r} is no {kind}"
        return value
    if kind.startswith("list"):
        assert isinstance(value, list), f"{where} is no list"
        inner = kind[5:-1] or "str"
        return [of_type(where, inner, item) for item in value]
    return as_model(kind, value)


class Spot:
    """A double of Spot's API, which writes down what it was asked."""

    def __init__(self):
        self.asked, self.groups, self.answers = [], [], []
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                url = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                double.asked.append((self.command, url.path, urllib.parse.parse_qs(url.query), self.headers["Authorization"],
                                     self.headers["Content-Type"], json.loads(body) if body else None))
                status, text = double.answers.pop(0) if double.answers else (200, double.items(self.command, url.path))
                if status is None:
                    return self.connection.close()
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def items(self, method, path):
        found = {"POST": [{"id": "sig-new", "name": NAME}], "DELETE": []}.get(method, self.groups)
        if path.endswith("/status"):
            found = [{"instanceId": "i-1", "status": "fulfilled"}]
        return json.dumps({"request": {}, "response": {"status": {"code": 200}, "items": found, "count": len(found)}})

    def error(self, status, message):
        self.answers.append((status, json.dumps({"response": {"errors": [{"code": "X", "message": message}]}})))

    def forget(self):
        self.asked.clear()


class Body(unittest.TestCase):
    def test_it_is_of_the_sdk(self):
        as_model("Elastigroup", GROUP)

    def test_it_is_stateful_and_one_machine(self):
        self.assertEqual(GROUP["capacity"], {"minimum": 1, "maximum": 1, "target": 1, "unit": "instance"})
        persistence = GROUP["strategy"]["persistence"]
        self.assertEqual((persistence["shouldPersistBlockDevices"], persistence["blockDevicesMode"]), (True, "reattach"))
        zones = GROUP["compute"]["availabilityZones"]
        self.assertEqual((len(zones), len(zones[0]["subnetIds"])), (1, 1), "a volume stays in its zone")

    def test_session_tokens_are_required(self):
        self.assertEqual(GROUP["compute"]["launchSpecification"]["metadataOptions"],
                         {"httpTokens": "required", "httpPutResponseHopLimit": 2})

    def test_the_volume_outlives_the_machine(self):
        devices = GROUP["compute"]["launchSpecification"]["blockDeviceMappings"]
        self.assertEqual([device["ebs"]["deleteOnTermination"] for device in devices], [False])


class Calls(unittest.TestCase):
    def setUp(self):
        self.spot = Spot()
        self.addCleanup(self.spot.server.server_close)
        self.addCleanup(self.spot.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.sdk = spotinst_sdk2.SpotinstSession(base_url=self.spot.url, auth_token=TOKEN, account_id=ACCOUNT).client(
            "elastigroup_aws", print_output=False, timeout=20)

    def elastigroup(self, *words, code=0, lines=None, **environment):
        run = subprocess.run([PLACE / "elastigroup", *map(str, words)], capture_output=True, text=True, timeout=120, env={
            **os.environ, "SPOTINST_API": self.spot.url, "SPOTINST_TOKEN": TOKEN, "SPOTINST_ACCOUNT": ACCOUNT, **environment})
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 0 if code == 0 else 1, run.stderr)
        self.assertNotIn(TOKEN, run.stdout + run.stderr)
        self.said = run.stderr
        return run.stdout

    def create(self, **options):
        return self.elastigroup("create", PLACE / "group.json", PLACE / "settings", **options)

    def exists(self, *ids):
        self.spot.groups = [{"id": "sig-0", "name": "another"}]
        self.spot.groups += [{"id": id, "name": NAME, "capacity": {"target": 1}} for id in ids]

    def asked_by_sdk(self, call):
        self.spot.forget()
        call()
        return self.spot.asked[:]

    def test_create_is_what_the_sdk_would_send(self):
        ours = (self.create(), self.spot.asked[:])[1]
        user_data = ours[-1][-1]["group"]["compute"]["launchSpecification"]["userData"]
        group = json.loads(json.dumps(GROUP))
        group["compute"]["launchSpecification"]["userData"] = user_data
        model = as_model("Elastigroup", group)
        theirs = self.asked_by_sdk(lambda: (self.sdk.get_elastigroups(), self.sdk.create_elastigroup(model)))
        self.assertEqual([asked[0] for asked in ours], ["GET", "POST"])
        self.assertEqual(ours, theirs)

    def test_create_sends_the_boot_script(self):
        self.assertEqual(self.create(), "sig-new\n")
        user_data = base64.b64decode(self.spot.asked[-1][-1]["group"]["compute"]["launchSpecification"]["userData"])
        made = subprocess.run([PLACE / "../user-data/make-user-data", PLACE / "settings", PLACE / "elastigroup"],
                              check=True, capture_output=True).stdout
        self.assertEqual(user_data, made)
        self.assertLessEqual(len(user_data), 16384)

    def test_end_is_what_the_sdk_would_send(self):
        self.exists("sig-1")
        ours = (self.elastigroup("end", NAME), self.spot.asked[:])[1]
        kept = models.StatefulDeallocation(should_delete_volumes=False, should_delete_snapshots=False, should_delete_images=True,
                                           should_delete_network_interfaces=True)
        theirs = self.asked_by_sdk(
            lambda: (self.sdk.get_elastigroups(), self.sdk.delete_elastigroup_with_deallocation("sig-1", kept)))
        self.assertEqual(ours[-1][:2], ("DELETE", "/aws/ec2/group/sig-1"))
        self.assertEqual(ours, theirs)

    def test_show_is_what_the_sdk_would_send(self):
        self.exists("sig-1")
        shown = json.loads(self.elastigroup("show", NAME))
        ours = self.spot.asked[:]
        self.assertEqual((shown["id"], shown["capacity"], shown["machines"][0]["instanceId"]), ("sig-1", {"target": 1}, "i-1"))
        self.assertEqual(ours, self.asked_by_sdk(
            lambda: (self.sdk.get_elastigroups(), self.sdk.get_elastigroup_active_instances("sig-1"))))

    def test_the_run_ends_the_group_it_belongs_to(self):
        """WHEN_DONE of the settings, as spot-trainer-boot calls it, with the token in AWS' keeping."""
        self.exists("sig-1")
        aws = self.folder / "aws"
        aws.write_text(f'#!/bin/sh\n[ "$*" = "ssm get-parameter --with-decryption --name /spot-trainer/spotinst-token '
                       f'--query Parameter.Value --output text" ] && [ "$AWS_DEFAULT_REGION" = us-west-2 ] && echo {TOKEN}\n')
        curl = self.folder / "curl"
        curl.write_text(f'#!/bin/sh\necho "$@" >>{self.folder}/arguments\nexec {shutil.which("curl")} "$@"\n')
        for tool in (aws, curl):
            tool.chmod(0o755)
        run = subprocess.run(
            ["bash", "-euc", f'MOUNT=/mnt/data; . {PLACE}/settings; "${{WHEN_DONE[@]}}"'], capture_output=True, text=True,
            env={"SPOTINST_API": self.spot.url, "PATH": f"{self.folder}:{PLACE}:{os.environ['PATH']}"})
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(self.spot.asked[-1][:4],
                         ("DELETE", "/aws/ec2/group/sig-1", {"accountId": ["act-12345678"]}, f"Bearer {TOKEN}"))
        self.assertNotIn(TOKEN, (self.folder / "arguments").read_text(), "every user sees the arguments of programs")

    def test_names(self):
        self.exists()
        self.elastigroup("end", NAME, code=66)
        self.exists("sig-1", "sig-2")
        self.elastigroup("end", NAME, code=64)
        self.assertIn("sig-1, sig-2", self.said)
        self.create(code=64)
        self.assertIn("already, sig-1", self.said)
        self.assertNotIn("POST", [asked[0] for asked in self.spot.asked])
        self.assertNotIn("DELETE", [asked[0] for asked in self.spot.asked])

    def test_refused_token(self):
        for status in (401, 403):
            self.spot.forget()
            self.spot.error(status, "no such token")
            self.elastigroup("end", NAME, code=64)
            self.assertIn(f"HTTP {status}, no such token: Spot does not accept the token", self.said)
            self.assertEqual(len(self.spot.asked), 1)

    def test_what_passes_is_tried_again_and_ends(self):
        self.exists("sig-1")
        for failure in ((429, "slow down"), (503, "<html>")):
            self.spot.answers = [failure]
            self.elastigroup("end", NAME)
        self.spot.forget()
        self.spot.answers = [(503, "<html>")] * 99
        self.elastigroup("end", NAME, code=69)
        self.assertIn("HTTP 503", self.said)
        self.assertEqual(len(self.spot.asked), 4)

    def test_create_is_not_tried_again(self):
        good = (200, self.spot.items("GET", ""))
        for failure, words in (((500, "x"), "HTTP 500"), ((None, ""), "mpty reply")):
            self.spot.forget()
            self.spot.answers = [good, failure]
            self.create(code=69)
            self.assertRegex(self.said, f"{words}.*may have been made all the same")
            self.assertEqual([asked[0] for asked in self.spot.asked], ["GET", "POST"])

    def test_refused_body(self):
        self.spot.answers = [(200, self.spot.items("GET", ""))]
        self.spot.error(400, "imageId does not exist")
        self.create(code=64)
        self.assertIn("HTTP 400, imageId does not exist", self.said)

    def test_answers_without_sense(self):
        for text in ("<html>", "", "{}", "[]", '{"response": {"items": 3}}'):
            self.spot.answers = [(200, text)]
            self.elastigroup("show", NAME, code=70)

    def test_nobody_there(self):
        self.elastigroup("show", NAME, code=69, SPOTINST_API="http://127.0.0.1:9")

    def test_usage(self):
        self.elastigroup("show", NAME, code=64, SPOTINST_TOKEN="")
        self.assertIn("set SPOTINST_TOKEN", self.said)
        bad = self.folder / "bad.json"
        bad.write_text("{}")
        self.elastigroup("create", bad, PLACE / "settings", code=64)
        self.elastigroup("create", PLACE / "group.json", self.folder / "nowhere", code=64)
        self.assertEqual(self.spot.asked, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""The Kubernetes Job by the API's own schemas, and what it makes of spotctl's exit codes.

kubernetes.py BUILD_DIR. Exit code 77: no PyPI.
"""
import pathlib
import sys
import unittest

import pypi

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
pypi.with_packages(BUILD, "kubernetes-validate==1.37.0")
del sys.argv[1:2]

import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402

PLACE = pathlib.Path(__file__).resolve().parents[2] / "examples/deploy/kubernetes"
CLAIM, JOB = yaml.safe_load_all((PLACE / "job.yaml").read_text())
POD = JOB["spec"]["template"]["spec"]


class Job(unittest.TestCase):
    def test_schemas(self):
        # 1.31: the first in which podFailurePolicy is no longer beta.
        for version in ("1.31", "1.37"):
            for document in (CLAIM, JOB):
                kubernetes_validate.validate(document, version, strict=True)

    def test_interruptions_alone_are_tried_again(self):
        self.assertEqual((JOB["spec"]["backoffLimit"], POD["restartPolicy"]), (0, "Never"))
        codes, conditions = JOB["spec"]["podFailurePolicy"]["rules"]
        self.assertEqual((codes["action"], conditions["action"]), ("Ignore", "Ignore"))
        self.assertEqual(codes["onExitCodes"], {"containerName": POD["containers"][0]["name"], "operator": "In", "values": [75]})
        self.assertEqual(conditions["onPodConditions"], [{"type": "DisruptionTarget", "status": "True"}])

    def test_names_belong_together(self):
        container = POD["containers"][0]
        volumes = {volume["name"]: volume for volume in POD["volumes"]}
        self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, set(volumes))
        self.assertEqual(volumes["data"]["persistentVolumeClaim"]["claimName"], CLAIM["metadata"]["name"])
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        self.assertEqual(container["args"][:3], ["train", "--volume", mounted["data"]])
        self.assertNotIn("command", container, "the image's entry point is spotctl")


if __name__ == "__main__":
    unittest.main(verbosity=2)

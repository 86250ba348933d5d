#!/usr/bin/env python3
"""The CloudFormation stack: judged by cfn-lint, made by moto's AWS, and its machine's settings at work there.

ec2.py BUILD_DIR. Exit code 77: no PyPI.
"""
import base64
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import pypi

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
pypi.with_packages(BUILD, "cfn-lint==1.58.0", "moto[ec2,autoscaling,cloudformation,iam]==5.2.5")
del sys.argv[1:2]

import boto3  # noqa: E402
import moto  # noqa: E402
import yaml  # noqa: E402
from botocore import xform_name  # noqa: E402

PLACE = pathlib.Path(__file__).resolve().parents[2] / "examples/deploy/aws-ec2"
REGION, STACK = "us-west-2", "digits"
os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION=REGION, AWS_EC2_METADATA_DISABLED="true")


def made(program):
    """What the program makes of the settings, and of a line whose braces are bash's, not CloudFormation's."""
    with tempfile.NamedTemporaryFile("w") as settings:
        settings.write((PLACE / "settings").read_text() + 'models="${MOUNT}/models"\n')
        settings.flush()
        return subprocess.run([program, settings.name], check=True, capture_output=True, text=True).stdout


def template():
    return made(PLACE / "make-template")


class Template(unittest.TestCase):
    def test_cfn_lint_has_nothing_to_say(self):
        with tempfile.TemporaryDirectory() as folder:
            stack = pathlib.Path(folder) / "stack.yaml"
            stack.write_text(template())
            lint = pathlib.Path(sys.executable).with_name("cfn-lint")
            run = subprocess.run([lint, "--regions", REGION, "eu-central-1", "-c", "I", "--", PLACE / "template.yaml", stack],
                                 capture_output=True, text=True)
            self.assertEqual((run.returncode, run.stdout), (0, ""), run.stdout + run.stderr)

    def test_what_moto_does_not_tell(self):
        class Loader(yaml.SafeLoader):
            """Takes CloudFormation's functions for their words."""
        Loader.add_multi_constructor("!", lambda loader, name, node: f"{name} {node.value}")
        resources = yaml.load(template(), Loader)["Resources"]
        volume = resources["Volume"]
        self.assertEqual((volume["DeletionPolicy"], volume["UpdateReplacePolicy"]), ("Retain", "Retain"))
        self.assertIs(volume["Properties"]["Encrypted"], True)
        self.assertIn({"Key": "spot-trainer", "Value": "Ref AWS::StackName"}, volume["Properties"]["Tags"])
        self.assertIs(resources["Group"]["Properties"]["CapacityRebalance"], True)


class Stack(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        aws = moto.mock_aws()
        aws.start()
        cls.addClassCleanup(aws.stop)
        cls.ec2, cls.iam, cls.groups = boto3.client("ec2"), boto3.client("iam"), boto3.client("autoscaling")
        subnet = cls.ec2.describe_subnets()["Subnets"][0]
        cls.zone = subnet["AvailabilityZone"]
        parameters = {"Zone": cls.zone, "Subnet": subnet["SubnetId"], "VolumeSize": "30",
                      "SecurityGroups": cls.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
                      "Image": cls.ec2.describe_images()["Images"][0]["ImageId"]}
        boto3.client("cloudformation").create_stack(
            StackName=STACK, TemplateBody=template(), Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()])
        resources = boto3.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        cls.id = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        cls.launch = cls.ec2.describe_launch_template_versions(
            LaunchTemplateId=cls.id["Machine"])["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        cls.first = cls.group()
        cls.machine = cls.first["Instances"][0]["InstanceId"]

    @classmethod
    def group(cls):
        return cls.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[STACK])["AutoScalingGroups"][0]

    def volume(self):
        return self.ec2.describe_volumes(VolumeIds=[self.id["Volume"]])["Volumes"][0]

    def test_group(self):
        group = self.first
        self.assertEqual((group["MinSize"], group["DesiredCapacity"], len(group["Instances"])), (1, 1, 1))
        self.assertEqual(group["AvailabilityZones"], [self.zone])
        policy = group["MixedInstancesPolicy"]
        spread = policy["InstancesDistribution"]
        self.assertEqual((spread["SpotAllocationStrategy"], spread["OnDemandBaseCapacity"],
                          spread["OnDemandPercentageAboveBaseCapacity"]), ("capacity-optimized", 0, 0))
        self.assertGreaterEqual(len({override["InstanceType"] for override in policy["LaunchTemplate"]["Overrides"]}), 6)

    def test_machine(self):
        self.assertEqual({key: self.launch["MetadataOptions"][key] for key in ("HttpTokens", "HttpPutResponseHopLimit")},
                         {"HttpTokens": "required", "HttpPutResponseHopLimit": 2})
        self.assertEqual(self.launch["InstanceInitiatedShutdownBehavior"], "terminate", "a stopped machine would keep the volume")

    def test_rights_are_the_least(self):
        policy = self.iam.get_role_policy(RoleName=self.id["Role"], PolicyName="spot-trainer")["PolicyDocument"]
        # moto gives Python's words for it; YAML reads these, too.
        attach, end = (yaml.safe_load(policy) if isinstance(policy, str) else policy)["Statement"]
        arn = f"arn:aws:ec2:{REGION}:123456789012"
        self.assertEqual((attach["Action"], attach["Resource"]),
                         ("ec2:AttachVolume", [f"{arn}:volume/{self.id['Volume']}", f"{arn}:instance/*"]))
        # The machine has the tag that the condition asks for; the volume, too, by its template.
        self.assertEqual(attach["Condition"], {"StringEquals": {"aws:ResourceTag/spot-trainer": STACK}})
        machine = self.ec2.describe_instances(InstanceIds=[self.machine])["Reservations"][0]["Instances"][0]
        self.assertIn({"Key": "spot-trainer", "Value": STACK}, machine["Tags"])
        self.assertEqual(end["Action"], "autoscaling:UpdateAutoScalingGroup")
        self.assertTrue(end["Resource"].endswith(f":autoScalingGroup:*:autoScalingGroupName/{STACK}"))
        self.assertEqual(self.iam.list_attached_role_policies(RoleName=self.id["Role"])["AttachedPolicies"], [])

    def user_data(self):
        text = base64.b64decode(self.launch["UserData"])
        self.assertLessEqual(len(text), 16384)
        return yaml.safe_load(text)

    def test_user_data_is_what_make_user_data_makes(self):
        user_data = self.user_data()
        self.assertEqual(user_data["write_files"].pop(0)["path"], "/etc/spot-trainer.stack")
        self.assertEqual(user_data, yaml.safe_load(made(PLACE / "../user-data/make-user-data")))

    def test_settings_attach_the_volume_and_end_the_group(self):
        """The commands of the settings, their words taken for what the AWS CLI takes them for: the API's own names."""
        with tempfile.TemporaryDirectory() as folder:
            files = {pathlib.PurePath(file["path"]).name: file["content"] for file in self.user_data()["write_files"]}
            stack = pathlib.Path(folder) / "stack"
            stack.write_text(files["spot-trainer.stack"])
            tools = {"cloud-init": f'[ "$*" = "query v1.instance_id" ] && echo {self.machine}', "aws": 'printf "%s\\n" "$@"'}
            for name, text in tools.items():
                (pathlib.Path(folder) / name).write_text(f"#!/bin/sh\n{text}\n")
                (pathlib.Path(folder) / name).chmod(0o755)
            settings = files["spot-trainer.conf"].replace("/etc/spot-trainer.stack", str(stack))

            def run(command):
                return subprocess.run(["bash", "-euc", f"MOUNT=/mnt/data\n{settings}\n{command}"], check=True, text=True,
                                      capture_output=True, env={"PATH": f"{folder}:{os.environ['PATH']}"}).stdout.splitlines()
            self.assertEqual(run('echo "$VOLUME_ID" "$AWS_DEFAULT_REGION"'), [f"{self.id['Volume']} {REGION}"])
            self.call(run('"${ATTACH[@]}"'))
            self.assertEqual(self.volume()["Attachments"][0]["InstanceId"], self.machine)
            self.call(run('"${WHEN_DONE[@]}"'))
            group = self.group()
            self.assertEqual((group["MinSize"], group["MaxSize"], group["DesiredCapacity"], group["Instances"]), (0, 0, 0, []))

    def call(self, words):
        client = boto3.client(words[0])
        operation = next(name for name in client.meta.service_model.operation_names if xform_name(name, "-") == words[1])
        members = client.meta.service_model.operation_model(operation).input_shape.members
        names = {"--" + xform_name(name, "-"): name for name in members}
        arguments = {names[option]: int(value) if members[names[option]].type_name == "integer" else value
                     for option, value in zip(words[2::2], words[3::2])}
        getattr(client, xform_name(operation))(**arguments)


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""The boot script on real disks: loop devices, in a mount namespace of its own. What a disk held before is never touched.

SPOTCTL names the program for the last test, which is skipped without it. Exit code 77: no loop devices, or not root.
"""
import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BOOT = pathlib.Path(__file__).resolve().parents[2] / "examples/deploy/user-data/spot-trainer-boot"
SKIPPED = 77
LIMIT = 120  # seconds that a boot may take here before it counts as one without end
NO_VOLUME, FOREIGN, NO_CODE, GROUP_NOT_ENDED, RUNNING, BAD_SETTINGS = 80, 81, 83, 84, 85, 64


def out(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def quiet(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Boots(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        self.place = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="spot-boot-")))
        self.ids, self.mount = self.place / "by-id", self.place / "data"
        self.ids.mkdir()
        self.disks = []
        self.label = f"spot-{os.getpid()}"
        # The folder outlives nothing that is mounted in it.
        self.stack.callback(lambda: subprocess.run(["umount", str(self.mount)], stderr=subprocess.DEVNULL))

    def disk(self, mebibytes=64):
        """A disk of zeros without an id."""
        image = self.place / f"image-{len(list(self.place.glob('image-*')))}"
        with image.open("wb") as file:
            file.truncate(mebibytes << 20)
        made = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True)
        if made.returncode != 0:
            self.skipTest(f"no more loop devices: {made.stderr.strip()}")
        device = made.stdout.strip()
        self.disks.append(device)
        self.stack.callback(self.detach, device)
        return device

    def detach(self, device):
        """Once: afterwards it may be another's."""
        if device in self.disks:
            self.disks.remove(device)
            quiet("losetup", "--detach", device)

    def name(self, device, name="nvme-Amazon_Elastic_Block_Store_vol0123"):
        (self.ids / name).symlink_to(device)
        return device

    def settings(self, **settings):
        values = {"VOLUME_ID": "vol-0123", "VOLUME_LABEL": self.label, "VOLUME_FOLDERS": f"({self.ids})", "MOUNT": self.mount,
                  "VOLUME_LIMIT": 0, "NETWORK_LIMIT": 0, "JOB": "(touch trained)", "WHEN_DONE": f"(touch {self.place}/ended)",
                  "WHEN_INTERRUPTED": f"(touch {self.place}/off)", **settings}
        path = self.place / "settings"
        path.write_text("".join(f"{key}={value}\n" for key, value in values.items() if value is not None))
        return path

    def start(self, **settings):
        environment = {**os.environ, "PATH": f"{self.place}/tools:{os.environ['PATH']}"}
        process = subprocess.Popen([BOOT, self.settings(**settings)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment, start_new_session=True)
        self.stack.callback(self.kill, process)
        return process

    def kill(self, process):
        """With its job, which would hold the disk."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def boot(self, **settings):
        """The exit code and what was said. What the boot did is forgotten first."""
        for name in ("ended", "off"):
            (self.place / name).unlink(missing_ok=True)
        process = self.start(**settings)
        try:
            self.out, self.err = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.kill(process)
            self.fail("the boot has no end")
        return process.returncode

    def tool(self, name, text):
        (self.place / "tools").mkdir(exist_ok=True)
        path = self.place / "tools" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def unmount(self):
        quiet("umount", str(self.mount))

    def expect_trained(self, **settings):
        self.assertEqual(self.boot(**settings), 0, self.err)
        self.assertTrue((self.mount / "trained").exists())
        self.assertTrue((self.place / "ended").exists(), "WHEN_DONE ran")

    def expect_refused(self, code, *words, lines=1, **settings):
        self.assertEqual(self.boot(**settings), code, self.err)
        said = self.err.strip().splitlines()
        self.assertEqual(len(said), lines, self.err)
        for word in words:
            self.assertIn(word, said[-1])
        self.assertFalse((self.mount / "trained").exists())
        self.assertFalse((self.place / "ended").exists())

    def expect_untouched(self, device, *words, **settings):
        def content():
            with open(device, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        before = content()
        self.expect_refused(FOREIGN, device, *words, "left alone", **settings)
        self.assertEqual(content(), before, f"{device} was written to")
        self.assertFalse(os.path.ismount(self.mount))


class Volume(Boots):
    def test_blank_is_formatted_and_mounted(self):
        device = self.name(self.disk())
        self.expect_trained()
        *found, options = out("findmnt", "-nvo", "SOURCE,FSTYPE,LABEL,OPTIONS", str(self.mount)).split()
        self.assertEqual(found, [device, "ext4", self.label])
        self.assertLessEqual({"rw", "nosuid", "nodev", "noatime"}, set(options.split(",")))
        self.assertIn("blank: formatting", self.err)

    def test_what_was_formatted_at_an_earlier_boot_is_kept(self):
        device = self.name(self.disk())
        self.expect_trained()
        uuid = out("blkid", "-p", "-s", "UUID", "-o", "value", device)
        (self.mount / "checkpoint").write_text("weeks of work")
        self.unmount()
        self.expect_trained()
        self.assertEqual((self.mount / "checkpoint").read_text(), "weeks of work")
        self.assertEqual(out("blkid", "-p", "-s", "UUID", "-o", "value", device), uuid)

    def test_xfs_with_the_label_is_taken_by_the_label_alone(self):
        if not shutil.which("mkfs.xfs"):
            self.skipTest("no mkfs.xfs")
        device = self.disk(512)
        quiet("mkfs.xfs", "-L", self.label[:12], device)
        self.expect_trained(VOLUME_ID=None, VOLUME_LABEL=self.label[:12])

    def test_mounted_already_is_mounted_once(self):
        device = self.name(self.disk())
        for _ in range(3):
            self.expect_trained()
        self.assertEqual(out("findmnt", "-nro", "TARGET", device).splitlines(), [str(self.mount)])

    def test_something_else_at_the_mount_point(self):
        device = self.disk()
        quiet("mkfs.ext4", "-q", device)
        self.mount.mkdir()
        quiet("mount", device, str(self.mount))
        self.expect_refused(FOREIGN, device, str(self.mount), "set another MOUNT")

    def test_mounted_elsewhere_does_not_count(self):
        device = self.name(self.disk())
        quiet("mkfs.ext4", "-q", "-L", self.label, device)
        (self.place / "elsewhere").mkdir()
        quiet("mount", device, str(self.place / "elsewhere"))
        self.stack.callback(quiet, "umount", str(self.place / "elsewhere"))
        for volume_id in ("vol-0123", None):
            self.expect_refused(NO_VOLUME, f"{device} fits, but is in use at {self.place}/", lines=2, VOLUME_ID=volume_id)

    def test_missing_ends_at_the_limit(self):
        self.expect_refused(NO_VOLUME, "no disk with the id vol-0123 in 1 s", VOLUME_LIMIT=1, lines=2)
        self.expect_refused(NO_VOLUME, f"no disk with the label {self.label} in 1 s", VOLUME_ID=None, VOLUME_LIMIT=1, lines=2)

    def test_appears_late(self):
        device = self.disk()
        process = self.start(VOLUME_LIMIT=LIMIT)
        self.assertIn("waiting for a disk with the id vol-0123", process.stderr.readline())
        self.name(device)
        err = process.communicate(timeout=LIMIT)[1]
        self.assertEqual(process.returncode, 0, err)
        self.assertTrue((self.mount / "trained").exists())

    def test_is_attached_by_a_command_that_fails_at_first(self):
        device = self.disk()
        self.tool("attach", f"echo again >>{self.place}/tries; [ $(wc -l <{self.place}/tries) = 2 ] || "
                            f"{{ echo the other machine has it >&2; exit 1; }}\nln -s {device} {self.ids}/vol0123")
        self.expect_refused(NO_VOLUME, "attach said: the other machine has it", ATTACH="(attach)", lines=2)
        self.expect_trained(ATTACH="(attach)", VOLUME_LIMIT=LIMIT)

    def test_without_links_the_serial_number_counts(self):
        device = self.disk()
        real = shutil.which("lsblk")
        self.tool("lsblk", f'case "$*" in *SERIAL*) echo {device} vol0123; echo /dev/null ;; *) exec {real} "$@" ;; esac')
        self.expect_trained()
        self.assertEqual(out("findmnt", "-nvo", "SOURCE", str(self.mount)), device)

    def test_of_several_the_one_with_the_label(self):
        first, second = self.name(self.disk(), "scsi-vol1"), self.name(self.disk(), "scsi-vol2")
        self.expect_refused(FOREIGN, f"{' '.join(sorted((first, second)))} all fit", VOLUME_ID="'vol*'")
        quiet("mkfs.ext4", "-q", "-L", self.label, second)
        self.expect_trained(VOLUME_ID="'vol*'")
        self.assertEqual(out("findmnt", "-nvo", "SOURCE", str(self.mount)), second)

    def test_another_file_system_is_left_alone(self):
        for make in (["mkfs.ext4", "-q"], ["mkfs.ext4", "-q", "-L", "photos"], ["mkswap", "-L", "photos"], ["mkfs.xfs", "-q"],
                     ["mkfs.vfat"], ["mkfs.btrfs", "-q"]):
            if shutil.which(make[0]):
                device = self.disk(512)
                with self.subTest(make=make):
                    quiet(*make, device)
                    (self.ids / "vol0123").unlink(missing_ok=True)
                    label = "photos" if "photos" in make else ""
                    self.expect_untouched(self.name(device, "vol0123"), label, "label its file system")
                    self.detach(device)

    def test_our_label_on_a_file_system_that_cannot_be_used(self):
        device = self.name(self.disk())
        quiet("mkswap", "-L", self.label, device)
        self.expect_untouched(device, "swap")

    def test_partition_table_is_left_alone(self):
        for kind in ("dos", "gpt"):
            if not shutil.which("sfdisk"):
                self.skipTest("no sfdisk (Debian: fdisk)")
            with self.subTest(kind=kind):
                device = self.disk()
                subprocess.run(["sfdisk", "-q", "--no-reread", device], input=f"label: {kind}\n,,L\n", text=True, check=True)
                (self.ids / "vol0123").unlink(missing_ok=True)
                self.expect_untouched(self.name(device, "vol0123"), f"a {kind} partition table")
                self.detach(device)

    def test_data_that_is_no_file_system_is_left_alone(self):
        for where in (0, (16 << 20) - 1, 48 << 20, (64 << 20) - 1):
            with self.subTest(where=where):
                device = self.disk()
                with open(device, "r+b") as file:
                    file.seek(where)
                    file.write(b"x")
                (self.ids / "vol0123").unlink(missing_ok=True)
                self.expect_untouched(self.name(device, "vol0123"), "data that is no file system")
                self.detach(device)

    def test_a_tool_that_fails_does_not_make_a_disk_blank(self):
        device = self.name(self.disk())
        for tool in ("blkid", "lsblk", "cmp", "blockdev"):
            with self.subTest(tool=tool):
                self.tool(tool, "exit 4")
                self.expect_untouched(device)
                (self.place / "tools" / tool).unlink()


class Job(Boots):
    def setUp(self):
        super().setUp()
        self.name(self.disk())

    def test_interrupted(self):
        self.assertEqual(self.boot(JOB="(sh -c 'echo saved; exit 75')"), 75, self.err)
        self.assertTrue((self.place / "off").exists())
        self.assertFalse((self.place / "ended").exists(), "the group brings the next machine")

    def test_failed(self):
        self.assertEqual(self.boot(JOB="(sh -c 'echo diverged at step 7; exit 65')"), 65, self.err)
        self.assertFalse((self.place / "off").exists() or (self.place / "ended").exists(), "it can be looked at")
        for said in (self.err, (self.mount / "boot.log").read_text()):
            self.assertIn("diverged at step 7\n", said)
            self.assertIn("the job ended with exit code 65", said)

    def test_group_that_does_not_end(self):
        self.tool("end", f"echo again >>{self.place}/tries; [ $(wc -l <{self.place}/tries) = 2 ]")
        self.assertEqual(self.boot(WHEN_DONE="(end group)"), GROUP_NOT_ENDED, self.err)
        self.assertIn("this failed: end group: end the group by hand", self.err.splitlines()[-1])
        self.assertEqual(self.boot(WHEN_DONE="(end group)", NETWORK_LIMIT=LIMIT), 0, self.err)

    def test_stop_is_passed_on_and_is_not_the_end_of_the_machine(self):
        process = self.start(JOB="(sh -c 'trap \"exit 75\" TERM; echo ready >&2; while :; do sleep 0.1; done')")
        while process.stderr.readline() != "ready\n":
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 75)
        self.assertFalse((self.place / "off").exists())

    def test_two_at_a_time(self):
        process = self.start(JOB=f"(sh -c 'echo ready >&2; until [ -e {self.place}/go ]; do sleep 0.1; done')")
        while process.stderr.readline() != "ready\n":
            self.assertIsNone(process.poll())
        self.assertEqual(self.boot(), RUNNING)
        (self.place / "go").touch()
        process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 0)


class Code(Boots):
    def setUp(self):
        super().setUp()
        self.name(self.disk())
        self.repository = self.place / "repository"
        quiet("git", "init", str(self.repository))
        self.commit = self.commit_file("first")

    def commit_file(self, text):
        (self.repository / "train.sh").write_text(f"echo {text} $SPOT_CODE_VERSION >$1/said\n")
        git = ("git", "-C", str(self.repository), "-c", "user.name=n", "-c", "user.email=e@example.com")
        quiet(*git, "add", "train.sh")
        quiet(*git, "commit", "-m", text)
        return out(*git, "rev-parse", "HEAD")

    def train(self, **settings):
        return self.boot(**{"REPOSITORY": f"file://{self.repository}", "COMMIT": self.commit, "CODE": self.place / "code",
                            "JOB": "(sh train.sh \"$MOUNT\")", **settings})

    def test_it_is_the_commit_and_no_branch(self):
        self.commit_file("second")
        for _ in range(2):
            self.assertEqual(self.train(), 0, self.err)
            self.assertEqual((self.mount / "said").read_text(), f"first {self.commit}\n")
            (self.place / "code/train.sh").write_text("exit 1")  # what a job changed does not stay
            (self.place / "code/left").touch()
        self.commit = out("git", "-C", str(self.repository), "rev-parse", "HEAD")
        self.assertEqual(self.train(), 0, self.err)
        self.assertEqual((self.mount / "said").read_text(), f"second {self.commit}\n")
        self.assertFalse((self.place / "code/left").exists())

    def test_known_commit_needs_no_network(self):
        self.assertEqual(self.train(), 0, self.err)
        self.assertEqual(self.train(REPOSITORY="file:///nowhere"), 0, self.err)

    def test_commit_that_is_not_there(self):
        self.assertEqual(self.train(COMMIT="0" * 40), NO_CODE, self.err)
        self.assertIn(f"commit {'0' * 40} cannot be had from file://{self.repository}", self.err.splitlines()[-1])
        self.assertFalse((self.mount / "said").exists())

    def test_branches_are_refused(self):
        for commit in ("main", "", self.commit[:12]):
            self.assertEqual(self.train(COMMIT=commit), BAD_SETTINGS)
            self.assertIn("no whole commit id", self.err)


class Settings(Boots):
    def test_one_line_says_what_is_wrong(self):
        for settings, words in (
                ({"JOB": None}, "JOB is not set"),
                ({"WHEN_DONE": None}, "WHEN_DONE is not set"),
                ({"JOB": "'spotctl train'"}, "write JOB=(spotctl train)"),
                ({"VOLUM_ID": "x"}, "there is no setting VOLUM_ID"),
                ({"VOLUME_LIMIT": "ten"}, "VOLUME_LIMIT=ten is no number"),
                ({"VOLUME_LABEL": "seventeen-letters"}, "VOLUME_LABEL=seventeen-letters"),
                ({"MOUNT": "data"}, "MOUNT=data is no absolute path"),
                ({"VOLUME_ID": "$(false)", "MOUNT": "/x"}, "a command failed in line 1"),
                ({"JOB": "($MOUTN)"}, "MOUTN: unbound variable"),
                ({"JOB": "(a"}, "syntax error")):
            with self.subTest(words=words):
                self.expect_refused(BAD_SETTINGS, words, **settings)

    def test_no_file(self):
        run = subprocess.run([BOOT, "/nowhere"], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stderr.count("\n")), (BAD_SETTINGS, 1))
        self.assertIn("/nowhere", run.stderr)

    def test_export_reaches_the_job(self):
        self.name(self.disk())
        self.assertEqual(self.boot(JOB="(sh -c 'echo $OMP_NUM_THREADS')", **{"export OMP_NUM_THREADS": 3}), 0, self.err)
        self.assertIn("\n3\n", self.err)


class Spotctl(Boots):
    def test_the_run_goes_on_where_it_was(self):
        if "SPOTCTL" not in os.environ:
            self.skipTest("SPOTCTL does not name the program")
        self.name(self.disk())
        spotctl, notice, commit = os.environ["SPOTCTL"], self.place / "notice", "1" * 40
        settings = {"export SPOT_CODE_VERSION": commit,
                    "JOB": f"({spotctl} train --volume $MOUNT --volume-must-be-mounted true --dataset synthetic --model mlp"
                           f" --epochs 1 --metadata file:{notice} --poll-seconds 0.05 --json --json-step-seconds 0)"}
        process = self.start(**settings)
        for line in process.stderr:
            if '"event":"step"' in line:
                notice.write_text("reclaimed")
                break
        process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 75)
        self.assertTrue((self.place / "off").exists())
        self.unmount()
        notice.unlink()
        self.assertEqual(self.boot(**settings), 0, self.err)
        self.assertIn('"resumed":true', self.err)
        self.assertTrue((self.place / "ended").exists())
        self.assertIn(commit, out(spotctl, "inspect", "--json", str(self.mount)))


def main():
    if os.geteuid() != 0:
        print("skipped: only root can mount")
        sys.exit(SKIPPED)
    if os.environ.get("SPOT_BOOT_NAMESPACE") != str(os.getppid()):
        # Whatever is mounted goes with the namespace.
        os.environ["SPOT_BOOT_NAMESPACE"] = str(os.getpid())
        unshare = ["unshare", "--mount", "--propagation", "private"]
        if subprocess.run([*unshare, "true"]).returncode != 0:
            print("skipped: no mount namespace can be made here")
            sys.exit(SKIPPED)
        sys.exit(subprocess.run([*unshare, sys.executable, *sys.argv]).returncode)
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(1 << 20)
        probe = subprocess.run(["losetup", "--find", "--show", image.name], capture_output=True, text=True)
        if probe.returncode != 0:
            print(f"skipped: no loop devices here: {probe.stderr.strip()}")
            sys.exit(SKIPPED)
        quiet("losetup", "--detach", probe.stdout.strip())
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()

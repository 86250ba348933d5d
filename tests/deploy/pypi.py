"""Packages of PyPI for a test, in an environment of its own below the build folder, which later runs use again."""
import hashlib
import os
import pathlib
import subprocess
import sys

SKIPPED = 77


def with_packages(build, *packages):
    """Goes on only where the packages can be imported: starts the program again there, or ends it as skipped."""
    environment = pathlib.Path(build) / "pypi" / hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    python = environment / "bin/python"
    if pathlib.Path(sys.prefix).resolve() == environment.resolve():
        return
    if not (environment / "complete").exists():
        for words in ([sys.executable, "-m", "venv", "--clear", environment],
                      [python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check",
                       "--timeout", "20", "--retries", "1", *packages]):
            run = subprocess.run(words, capture_output=True, text=True)
            if run.returncode != 0:
                print(f"skipped: no {' '.join(packages)} to be had: {(run.stderr or run.stdout).strip().splitlines()[-1:]}")
                sys.exit(SKIPPED)
        (environment / "complete").touch()
    os.execv(python, [python, *sys.argv])

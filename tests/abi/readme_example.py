#!/usr/bin/env python3
"""The C example in README.md compiles without a warning, and trains.

    readme_example.py SOURCE_FOLDER LIBRARY_FOLDER COMPILER
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

source, library, compiler = sys.argv[1:]
example = re.search(r"```c\n(.*?)```", pathlib.Path(source, "README.md").read_text(), re.S).group(1)
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "example.c").write_text(example)
    subprocess.run([compiler, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", f"-I{source}/include",
                    "example.c", "-o", "example", f"-L{library}", "-lspot_trainer", f"-Wl,-rpath,{library}"],
                   check=True, cwd=folder)
    env = {**os.environ, "VOLUME": folder}
    result = subprocess.run(["./example"], cwd=folder, env=env, capture_output=True, text=True)
    print(result.stdout, result.stderr)
    sys.exit(0 if result.returncode == 0 and "accuracy" in result.stdout else 1)

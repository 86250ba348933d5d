#!/usr/bin/env python3
"""The first example of a language in a README compiles without a warning, and trains.

    readme_example.py README LANGUAGE LIBRARY_FOLDER COMPILER [FLAG ...]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

readme, language, library, *compiler = sys.argv[1:]
example = re.search(rf"```{language}\n(.*?)```", pathlib.Path(readme).read_text(), re.S).group(1)
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, f"example.{language}").write_text(example)
    subprocess.run([*compiler, "-pedantic", "-Wall", "-Wextra", "-Werror", f"example.{language}", "-o", "example",
                    f"-L{library}", "-lspot_trainer", f"-Wl,-rpath,{library}"], check=True, cwd=folder)
    env = {**os.environ, "VOLUME": folder}
    result = subprocess.run(["./example", folder], cwd=folder, env=env, capture_output=True, text=True)
    print(result.stdout, result.stderr)
    sys.exit(0 if result.returncode == 0 and "accuracy" in result.stdout and "done" in result.stdout else 1)

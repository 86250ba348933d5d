"""abi_diff.py OLD NEW [SUPPRESSIONS]: compares the types and functions of two public headers with abidiff, as libraries that define
every function would show them. Functions may be added; whatever else differs must be named by the suppressions file. Exits
with 77 where there is no abidiff."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

OLD, NEW, *SUPPRESSIONS = sys.argv[1:]


def build(header, folder):
    """A library with debug information that defines every function of the header."""
    text = subprocess.run(["cc", "-E", "-P", header], check=True, capture_output=True, text=True).stdout
    prototypes = re.findall(r"^(?!typedef)[\w\s*]+?\b(?:spot_\w+)\([^;{}]*\);", text, re.M)
    source = f'#include "{pathlib.Path(header).resolve()}"\n'
    for prototype in prototypes:
        source += prototype.rstrip(";") + " { __builtin_trap(); }\n"
    library = pathlib.Path(folder, "libspot_trainer.so")
    library.parent.mkdir()
    subprocess.run(["cc", "-g", "-shared", "-fPIC", "-Wno-unused-parameter", "-x", "c", "-", "-o", library], input=source,
                   check=True, text=True)
    return library, len(prototypes)


if shutil.which("abidiff") is None:
    print("skipped: there is no abidiff; install abigail-tools")
    sys.exit(77)
with tempfile.TemporaryDirectory() as place:
    old, count = build(OLD, pathlib.Path(place, "old"))
    new, _ = build(NEW, pathlib.Path(place, "new"))
    options = [option for file in SUPPRESSIONS for option in ("--suppressions", file)]
    result = subprocess.run(["abidiff", "--no-added-syms", *options, old, new])
if result.returncode != 0:
    sys.exit("the header breaks what include/README.md promises, or a suppression is to be added")
print(f"{count} functions of {OLD} are in {NEW} as they were")

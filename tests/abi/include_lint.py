#!/usr/bin/env python3
"""include_lint.py SRC: fails when a room includes what src/README.md does not allow it to."""

import pathlib
import re
import sys

# The rooms that each room may include beside itself; a file name allows that file only.
ALLOWED = {
    "base": [],
    "net": ["base"],
    "data": ["base", "net"],
    "engine": ["base"],
    "engine/cpu": ["base", "engine"],
    "engine/cuda": ["base", "engine"],
    "engine/cuda/card": ["base", "engine", "engine/cuda"],
    "checkpoint": ["base", "net", "engine/state_view.h"],
    "snapshot": ["base", "checkpoint"],
    "interrupt": ["base", "net"],
    "train": ["base", "data", "engine"],
    "policy": ["checkpoint/save_reason.h"],
    "session": ["base", "data", "engine", "checkpoint", "snapshot", "interrupt", "train", "policy"],
    "capi": ["base", "net", "data", "engine", "engine/cpu", "checkpoint", "snapshot", "interrupt", "train", "session"],
}

# Third-party headers, and the only rooms that may know them.
OWNERS = {
    r"curl/": ["net"],
    r"flatbuffers/|.*_generated\.h$": ["checkpoint", "snapshot"],
    r"(oneapi/)?dnnl": ["engine/cpu"],
    r"hwy/": ["engine/cpu"],
    r"cuda_|cublas|cudnn": ["engine/cuda/card"],
    r"spot_trainer\.h$": ["capi"],
    r"CLI/": [],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """The longest room name that the path begins with, or None."""
    rooms = [room for room in ALLOWED if path.startswith(room + "/")]
    return max(rooms, key=len, default=None)


def complaint(room, quote, included):
    """What is wrong with one include in a room, or None."""
    for pattern, owners in OWNERS.items():
        if re.match(pattern, included) and room not in owners:
            return "only %s may include <%s>" % (" and ".join(owners) or "no room", included)
    if quote == "<":
        return None
    target = room_of(included)
    if target == room or included in ALLOWED[room] or target in ALLOWED[room]:
        return None
    if target is None and re.match(r".*_generated\.h$", included):
        return None
    return '%s may not include "%s"' % (room, included)


def main(source):
    complaints = []
    files = sorted(path for path in source.rglob("*") if path.suffix in (".h", ".cpp", ".cu"))
    for path in files:
        room = room_of(path.relative_to(source).as_posix())
        if room is None:
            complaints.append("%s: is in no room" % path)
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            found = match and complaint(room, match[1], match[2])
            if found:
                complaints.append("%s:%d: %s" % (path, number, found))
    print("\n".join(complaints) if complaints else "%d files keep to their rooms" % len(files))
    return 1 if complaints or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

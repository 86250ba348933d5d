"""_abi.py and _enums.py say what spot_trainer.h says, as a C compiler reads it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import unittest
from typing import Any, Dict

import spot_trainer as spot
from spot_trainer import _abi, _library
from support import HERE, TestCase

HEADER = os.environ.get("SPOT_TRAINER_HEADER") or os.path.join(HERE, "../../../include/spot_trainer.h")

# The prefix of an enumeration's constants.
ENUMS: Dict[str, Any] = {
    "SPOT_E_": spot.Status,
    "SPOT_LOG_": spot.LogLevel,
    "SPOT_ACTION_": spot.Action,
    "SPOT_EVENT_": spot.EventKind,
    "SPOT_SAVE_": spot.SaveReason,
    "SPOT_RUN_": spot.RunReason,
    "SPOT_SPLIT_": spot.Split,
    "SPOT_ROLE_": spot.Role,
    "SPOT_ANSWER_": spot.Answer,
    "SPOT_TYPE_": spot.ElementType,
}


def struct_name(kind: Any) -> str:
    """EventStruct is spot_event."""
    return "spot" + re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), kind.__name__[: -len("Struct")])


class Abi(TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        with open(HEADER) as file:
            cls.header = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)

    @classmethod
    def tearDownClass(cls) -> None:
        pass

    def compiled(self, expressions: Dict[str, str]) -> Dict[str, int]:
        """The values of integer expressions, by name."""
        if shutil.which("cc") is None:
            self.skipTest("there is no C compiler")
        program = os.path.join(self.folder, "program")
        lines = "\n".join(f'printf("{name} %lld\\n", (long long)({text}));' for name, text in expressions.items())
        source = f'#include <stdio.h>\n#include "{HEADER}"\nint main(void) {{ {lines} return 0; }}'
        subprocess.run(["cc", "-xc", "-", "-o", program], input=source, text=True, check=True)
        out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        return {name: int(value) for name, value in map(str.split, out.splitlines())}

    def test_structs(self) -> None:
        kinds = [each for each in vars(_abi).values() if isinstance(each, type) and each.__name__.endswith("Struct")]
        self.assertEqual(set(map(struct_name, kinds)), set(re.findall(r"^\} (spot_\w+);", self.header, re.MULTILINE)))
        here, there = {}, {}
        for kind in kinds:
            name = struct_name(kind)
            here[name], there[name] = ctypes.sizeof(kind), f"sizeof({name})"
            for field, *_ in kind._fields_:
                described = getattr(kind, field)
                here[f"{name}.{field}"] = described.offset * 1000 + described.size
                there[f"{name}.{field}"] = f"offsetof({name}, {field}) * 1000 + sizeof((({name}*)0)->{field})"
        self.assertEqual(self.compiled(there), here)

    def test_functions(self) -> None:
        declared = {
            name: 0 if parameters.strip() == "void" else parameters.count(",") + 1
            for name, parameters in re.findall(r"SPOT_API [^;(]*?(spot_\w+)\(([^;]*)\);", self.header)
        }
        self.assertGreater(len(declared), 80)
        self.assertEqual({name: len(parts) - 1 for name, parts in _abi.FUNCTIONS.items()}, declared)

    def test_constants(self) -> None:
        named = re.findall(r"\b(SPOT_[A-Z0-9_]+)\b", self.header)
        here: Dict[str, int] = {"SPOT_OK": 0}
        for prefix, kind in ENUMS.items():
            members = {
                prefix + name: each.value
                for name, each in kind.__members__.items()
                if each.value or prefix != "SPOT_E_"
            }
            self.assertEqual(set(members), {name for name in named if name.startswith(prefix)})
            here.update(members)
        here.update({"SPOT_ABI_MAJOR": _abi.ABI_MAJOR, "SPOT_ABI_MINOR": _abi.ABI_MINOR})
        self.assertEqual(self.compiled({name: name for name in here}), here)

    def test_words(self) -> None:
        library = _library.library
        for kind, function in (
            (spot.Action, library.spot_action_name),
            (spot.SaveReason, library.spot_save_reason_name),
            (spot.RunReason, library.spot_run_reason_name),
        ):
            for each in kind:
                self.assertEqual(function(each).decode(), each.name.lower())
        for each in spot.Status:
            if each:
                self.assertEqual(library.spot_status_name(each).decode(), "SPOT_E_" + each.name)

    def test_errors(self) -> None:
        classes = spot.SpotError.__subclasses__()
        self.assertEqual({each.code for each in classes}, set(spot.Status) - {spot.Status.OK})
        self.assertLessEqual({each.__name__ for each in classes}, set(spot.__all__))


if __name__ == "__main__":
    unittest.main()

"""Makes the wheel: a zip file of the package, what it says of itself, and the library if it is to carry one.

    wheel_backend.py LIBRARY LICENCES OUT_DIR    # LICENCES: a folder of texts
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict, List

HERE = Path(__file__).resolve().parent

METADATA = """\
Metadata-Version: 2.1
Name: spot_trainer
Version: {version}
Summary: Trains neural networks on machines that can vanish, and loses nothing
License: Apache-2.0
Keywords: training,neural network,checkpoint,spot instance,preemptible
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Requires-Python: >=3.9
Provides-Extra: numpy
Requires-Dist: numpy; extra == "numpy"
Description-Content-Type: text/markdown

{readme}"""

WHEEL = """\
Wheel-Version: 1.0
Generator: spot_trainer
Root-Is-Purelib: {pure}
Tag: {tag}
"""


def _version() -> str:
    found = re.search(r'^__version__ = "(.*)"$', (HERE / "spot_trainer/__init__.py").read_text(), re.MULTILINE)
    assert found
    return found[1]


def _write(directory: Path, tag: str, more: Dict[str, Path]) -> str:
    """The name of the wheel that was written; `more` are files beside the package's, by their path inside."""
    version = _version()
    info = f"spot_trainer-{version}.dist-info"
    package = [*HERE.glob("spot_trainer/*.py"), HERE / "spot_trainer/py.typed"]
    files = {path.relative_to(HERE).as_posix(): path for path in package}
    files.update({name.replace("INFO", info): path for name, path in more.items()})
    contents = {name: path.read_bytes() for name, path in sorted(files.items())}
    licence = next((each for each in (HERE / "LICENSE", HERE / "../../LICENSE") if each.exists()), None)
    if licence is not None:
        contents[f"{info}/licenses/LICENSE"] = licence.read_bytes()
    readme = (HERE / "README.md").read_text()
    contents[f"{info}/METADATA"] = METADATA.format(version=version, readme=readme).encode()
    contents[f"{info}/WHEEL"] = WHEEL.format(tag=tag, pure=str(tag.endswith("-any")).lower()).encode()
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in contents.items()
    )
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = f"spot_trainer-{version}-{tag}.whl"
    with zipfile.ZipFile(directory / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))  # the same bytes whenever it is built
            entry.external_attr = (0o755 if ".so" in name else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return wheel


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """For pip: without a library."""
    return _write(Path(wheel_directory), "py3-none-any", {})


def main(arguments: List[str]) -> None:
    library, licences, directory = map(Path, arguments)
    files = {"spot_trainer/lib/libspot_trainer.so.1": library}
    files.update({f"INFO/licenses/{each.name}": each for each in licences.iterdir()})
    print(directory / _write(directory, "py3-none-linux_x86_64", files))


if __name__ == "__main__":
    main(sys.argv[1:])

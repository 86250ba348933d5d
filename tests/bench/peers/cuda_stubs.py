#!/usr/bin/env python3
"""Makes PyPI's PyTorch for Linux importable without the CUDA libraries that it is linked to: each gets a stand-in
whose every function says "no such device". What computes on the CPU is untouched.

    cuda_stubs.py TORCH_FOLDER

PyTorch's libraries look for CUDA's in ../nvidia/cu13/lib beside their folder first, whatever the machine has. Needs
cc, nm and readelf.
"""
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

CUDA_LIBRARY = re.compile(r"NEEDED.*\[(lib(?:cu|nv|nccl)[^\]]*)\]")
CUDA_SYMBOL = re.compile(r" U ((?:cu|nv|nccl|__cuda)\w+)(?:@(\S+))?")
FOLDER = re.compile(r"\$ORIGIN/\.\./\.\./(nvidia/cu\d+/lib)")
NO_DEVICE = 100  # cudaErrorNoDevice


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stub_source(symbols: Iterable[str]) -> str:
    lines = []
    for symbol in sorted(symbols):
        if symbol.endswith(("ErrorString", "ErrorName")):
            lines.append(f'const char *{symbol}(void) {{ return "CUDA is not installed"; }}')
        else:
            lines.append(f"long {symbol}(void) {{ return {NO_DEVICE}; }}")
    return "\n".join(lines)


def version_script(versions: dict[str, str]) -> str:
    """The loader insists on a symbol's version where the library that it is looked for in has a version's name."""
    nodes = "\n".join(f"{version} {{ global: {'; '.join(s for s in versions if versions[s] == version)}; }};"
                      for version in sorted(set(versions.values()) - {""}))
    return nodes or "{ global: *; };"


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    torch = Path(sys.argv[1])
    libraries: set[str] = set()
    versions: dict[str, str] = {}
    folder = None
    for file in torch.glob("lib/*.so"):
        dynamic = output("readelf", "--dynamic", file)
        libraries.update(CUDA_LIBRARY.findall(dynamic))
        versions.update(CUDA_SYMBOL.findall(output("nm", "--dynamic", "--undefined-only", file)))
        folder = folder or next(iter(FOLDER.findall(dynamic)), None)
    if folder is None:
        return  # a build without CUDA
    target = torch.parent / folder
    target.mkdir(parents=True, exist_ok=True)
    script = target / "stubs.map"
    script.write_text(version_script(versions))
    for name in sorted(libraries - {"libcuda.so.1"}):
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{name}",
                        f"-Wl,--version-script={script}", "-o", target / name, "-x", "c", "-"],
                       input=stub_source(versions), text=True, check=True)


if __name__ == "__main__":
    main()

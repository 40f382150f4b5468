"""Where the figures were measured, and with which versions."""

import os
import platform
import re
import subprocess
from pathlib import Path

from support.processes import find_program


def describe(folder: Path) -> dict[str, str]:
    """Processor, memory, kernel, the file system below a folder, and the versions of who takes part."""
    return {
        "processor": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) // 1_000_000} GB",
        "kernel": platform.release().partition("-")[0],
        "file system": _file_system(folder),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "DCMTK": _version("storescp"),
        "Orthanc": _version("Orthanc"),
    }


def _field(path: str, name: str) -> str:
    lines = Path(path).read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")


def _file_system(folder: Path) -> str:
    words = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def _version(name: str) -> str:
    program = find_program(name)
    assert program is not None, f"{name} is not installed: the benchmark needs dcmtk and orthanc"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found.group() if found else "unknown"
